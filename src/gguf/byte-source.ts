import { AppError } from '../shared/errors.ts';

/** A file of known size whose bytes can be had by range: over HTTP, from a disk, from memory. */
export interface ByteSource {
  /** Names the file in messages and in the cache. */
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Bytes [start, end) of the file, all of them.
   * @throws AppError model-truncated (the range reaches beyond the file, or fewer bytes came), and what the source adds
   */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** What every source does first. @throws AppError model-truncated */
export function checkRange(source: Pick<ByteSource, 'url' | 'size'>, start: number, end: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= source.size) return;
  throw new AppError('model-truncated', `bytes ${start} to ${end} are not in ${source.url}, which has ${source.size}`);
}

/** A file that is in memory already. Reads share its buffer. */
export function memorySource(bytes: Uint8Array, url = 'memory:'): ByteSource {
  return {
    url,
    size: bytes.length,
    async read(start, end) {
      checkRange({ url, size: bytes.length }, start, end);
      return bytes.subarray(start, end);
    },
  };
}
