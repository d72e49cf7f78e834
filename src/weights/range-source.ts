import { type ByteSource, memorySource } from '../gguf/byte-source.ts';
import { throwIfStopped } from './timed-request.ts';

/** A file whose ranges can also be had piece by piece, as they arrive. */
export interface RangeSource extends ByteSource {
  /** Changes when the file's content does: its ETag or else its date; null when the server tells neither. */
  readonly validator: string | null;
  /** @throws AppError model-truncated, stopped (by the signal), and what the source adds */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Bytes [start, end) in pieces of any size, all of them or an error. A piece is good until the next one is asked for.
   * Stopping early stops the download.
   *
   * @throws AppError model-truncated, stopped (by the signal), and what the source adds
   */
  stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Opens one file by its address. What is behind it, a web server or anything else, its reader need not know.
 * @throws AppError model-unreachable, and what the kind of source adds
 */
export type OpenSource = (url: string) => Promise<RangeSource>;

/** A file in memory, handed out so many bytes at once. */
export function memoryRangeSource(bytes: Uint8Array, atOnceBytes = 64 * 1024, url = 'memory:'): RangeSource {
  const source = memorySource(bytes, url);
  const read: RangeSource['read'] = async (start, end, signal) => {
    throwIfStopped(signal ? [signal] : []);
    return source.read(start, end);
  };
  return {
    ...source,
    validator: null,
    read,
    async *stream(start, end, signal) {
      const range = await read(start, end, signal);
      for (let at = 0; at < range.length; at += atOnceBytes) {
        throwIfStopped(signal ? [signal] : []);
        yield range.subarray(at, at + atOnceBytes);
      }
    },
  };
}
