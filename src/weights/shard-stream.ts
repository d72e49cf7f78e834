import { rowBytes } from '../gguf/quant.ts';
import type { TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import { giveBackRoom, takeRoom } from './piece-room.ts';
import type { RangeSource } from './range-source.ts';
import type { ShardCache } from './shard-cache.ts';

export interface StreamOptions {
  /** Called with the bytes that have newly come, and from where. */
  onBytes?: (count: number, from: 'network' | 'cache') => void;
  cache?: ShardCache | null;
  signal?: AbortSignal;
}

/** Tensors larger than this come in pieces, bytes: what is on its way to an engine must not count beside the shard itself. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** Engines write rows of some formats together. */
const PIECE_ROWS = 8;

/**
 * Loads tensors one at a time, in file order, large ones in pieces of whole rows. All come in the same memory, and so do
 * those of the next stream: bytes are good until the next are asked for, or the stream is left. What lies next to each other
 * in the file is asked for together; no byte outside the slices is asked for, and none that the cache has.
 *
 * @throws AppError out-of-memory, and what the source throws
 */
export async function* streamTensors(
  source: RangeSource,
  slices: readonly TensorSlice[],
  options: StreamOptions = {},
): AsyncGenerator<WeightTensor> {
  const pieces = slices.toSorted((a, b) => a.start - b.start).flatMap(cut);
  const room = reserve(pieces);
  try {
    for (const run of await runs(source, pieces, options.cache)) {
      if (run.cached) yield* loadCached(source, run.slices[0]!, room, options);
      else yield* download(source, run.slices, room, options);
    }
  } finally {
    giveBackRoom(room);
  }
}

/** Rows of a tensor, and where they are in the file. */
interface Piece extends TensorSlice {
  firstRow?: number;
}

function cut(slice: TensorSlice): Piece[] {
  if (slice.end - slice.start <= PIECE_BYTES) return [slice];
  const bytesPerRow = rowBytes(slice.type, slice.columns);
  const pieceRows = Math.max(PIECE_ROWS, Math.floor(PIECE_BYTES / bytesPerRow / PIECE_ROWS) * PIECE_ROWS);
  return Array.from({ length: Math.ceil(slice.rows / pieceRows) }, (_, i) => {
    const firstRow = i * pieceRows;
    const rows = Math.min(pieceRows, slice.rows - firstRow);
    const start = slice.start + firstRow * bytesPerRow;
    return { ...slice, firstRow, rows, start, end: start + rows * bytesPerRow };
  });
}

interface Run {
  cached: boolean;
  /** One cached piece, or pieces without a gap between them. */
  slices: Piece[];
}

async function runs(source: RangeSource, slices: readonly Piece[], cache: ShardCache | null | undefined): Promise<Run[]> {
  const found: Run[] = [];
  for (const slice of slices) {
    const cached = (await cache?.has(source, slice.start, slice.end)) ?? false;
    const last = found.at(-1);
    if (last && !last.cached && !cached && last.slices.at(-1)!.end === slice.start) last.slices.push(slice);
    else found.push({ cached, slices: [slice] });
  }
  return found;
}

async function* loadCached(
  source: RangeSource,
  piece: Piece,
  room: Uint8Array,
  options: StreamOptions,
): AsyncGenerator<WeightTensor> {
  const bytes = room.subarray(0, piece.end - piece.start);
  if (!(await options.cache?.get(source, piece.start, bytes))) {
    yield* download(source, [piece], room, options);
    return;
  }
  options.onBytes?.(bytes.length, 'cache');
  yield toTensor(piece, bytes);
}

async function* download(
  source: RangeSource,
  run: readonly Piece[],
  room: Uint8Array,
  options: StreamOptions,
): AsyncGenerator<WeightTensor> {
  const arriving = source.stream(run[0]!.start, run.at(-1)!.end, options.signal)[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  try {
    for (const piece of run) {
      const bytes = room.subarray(0, piece.end - piece.start);
      for (let filled = 0; filled < bytes.length; ) {
        if (rest.length === 0) rest = await nextArrival(arriving, options);
        const part = rest.subarray(0, bytes.length - filled);
        bytes.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      await options.cache?.put(source, piece.start, bytes);
      yield toTensor(piece, bytes);
    }
  } finally {
    await arriving.return?.();
  }
}

async function nextArrival(arriving: AsyncIterator<Uint8Array>, options: StreamOptions): Promise<Uint8Array> {
  const { done, value } = await arriving.next();
  if (done) throw new AppError('model-truncated', 'the source ended before its range did');
  options.onBytes?.(value.length, 'network');
  return value;
}

function reserve(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const largest = pieces.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  try {
    return takeRoom(largest.end - largest.start);
  } catch (cause) {
    const { role, start, end } = largest;
    throw new AppError('out-of-memory', `this device has no room for the ${end - start} bytes of ${role}`, {
      values: { neededBytes: end - start },
      cause,
    });
  }
}

function toTensor({ start: _, end: __, ...tensor }: Piece, bytes: Uint8Array): WeightTensor {
  return { ...tensor, bytes };
}
