import type { TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import { giveBackMemory, takeMemory } from './piece-memory.ts';
import type { RangeSource } from './range-source.ts';
import type { ShardCache, Shortage } from './shard-cache.ts';
import { cutIntoPieces, type TensorPiece } from './tensor-pieces.ts';

export interface StreamOptions {
  /** Called with the bytes that have newly come, and from where. */
  onBytes?: (count: number, from: 'network' | 'cache') => void;
  cache?: ShardCache | null;
  /** Called for each piece that the cache had no space for. It is loaded all the same. */
  onNotKept?: (shortage: Shortage) => void;
  signal?: AbortSignal;
}

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
  const pieces = cutIntoPieces(slices);
  const memory = reserve(pieces);
  try {
    for (const run of await runs(source, pieces, options.cache)) {
      if (run.cached) yield* loadCached(source, run.slices[0]!, memory, options);
      else yield* download(source, run.slices, memory, options);
    }
  } finally {
    giveBackMemory(memory);
  }
}

interface Run {
  cached: boolean;
  /** One cached piece, or pieces without a gap between them. */
  slices: TensorPiece[];
}

async function runs(source: RangeSource, slices: readonly TensorPiece[], cache: ShardCache | null | undefined): Promise<Run[]> {
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
  piece: TensorPiece,
  memory: Uint8Array,
  options: StreamOptions,
): AsyncGenerator<WeightTensor> {
  const bytes = memory.subarray(0, piece.end - piece.start);
  if (!(await options.cache?.get(source, piece.start, bytes))) {
    yield* download(source, [piece], memory, options);
    return;
  }
  options.onBytes?.(bytes.length, 'cache');
  yield toTensor(piece, bytes);
}

async function* download(
  source: RangeSource,
  run: readonly TensorPiece[],
  memory: Uint8Array,
  options: StreamOptions,
): AsyncGenerator<WeightTensor> {
  const arriving = source.stream(run[0]!.start, run.at(-1)!.end, options.signal)[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  try {
    for (const piece of run) {
      const bytes = memory.subarray(0, piece.end - piece.start);
      for (let filled = 0; filled < bytes.length; ) {
        if (rest.length === 0) rest = await nextArrival(arriving, options);
        const part = rest.subarray(0, bytes.length - filled);
        bytes.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      const shortage = await options.cache?.put(source, piece.start, bytes);
      if (shortage) options.onNotKept?.(shortage);
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

function reserve(pieces: readonly TensorPiece[]): Uint8Array<ArrayBuffer> {
  const largest = pieces.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  try {
    return takeMemory(largest.end - largest.start);
  } catch (cause) {
    const { role, start, end } = largest;
    throw new AppError('out-of-memory', `this device has no memory for the ${end - start} bytes of ${role}`, {
      values: { neededBytes: end - start },
      cause,
    });
  }
}

function toTensor({ start: _, end: __, ...tensor }: TensorPiece, bytes: Uint8Array): WeightTensor {
  return { ...tensor, bytes };
}
