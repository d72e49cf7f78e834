import type { TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import type { RangeSource } from './range-source.ts';
import type { ShardCache } from './shard-cache.ts';

export interface StreamOptions {
  /** Called with the bytes that have newly come, and from where. */
  onBytes?: (count: number, from: 'network' | 'cache') => void;
  cache?: ShardCache | null;
  signal?: AbortSignal;
}

/**
 * Loads tensors one at a time, in file order, so that no more than one is ever in memory. Tensors that lie next to each other in the
 * file come with one request; no byte outside the slices is asked for, and none that the cache has.
 *
 * @throws AppError out-of-memory, and what the source throws
 */
export async function* streamTensors(
  source: RangeSource,
  slices: readonly TensorSlice[],
  options: StreamOptions = {},
): AsyncGenerator<WeightTensor> {
  const inFileOrder = slices.toSorted((a, b) => a.start - b.start);
  for (const run of await runs(source, inFileOrder, options.cache)) {
    if (run.cached) yield await loadCached(source, run.slices[0]!, options);
    else yield* download(source, run.slices, options);
  }
}

interface Run {
  cached: boolean;
  /** One cached slice, or slices without a gap between them. */
  slices: TensorSlice[];
}

async function runs(source: RangeSource, slices: readonly TensorSlice[], cache: ShardCache | null | undefined): Promise<Run[]> {
  const found: Run[] = [];
  for (const slice of slices) {
    const cached = (await cache?.has(source, slice.start, slice.end)) ?? false;
    const last = found.at(-1);
    if (last && !last.cached && !cached && last.slices.at(-1)!.end === slice.start) last.slices.push(slice);
    else found.push({ cached, slices: [slice] });
  }
  return found;
}

async function loadCached(source: RangeSource, slice: TensorSlice, options: StreamOptions): Promise<WeightTensor> {
  const bytes = await options.cache?.get(source, slice.start, slice.end);
  if (bytes) {
    options.onBytes?.(bytes.length, 'cache');
    return toTensor(slice, bytes);
  }
  for await (const tensor of download(source, [slice], options)) return tensor;
  throw new AppError('internal', `no tensor came for bytes ${slice.start} to ${slice.end}`);
}

async function* download(source: RangeSource, run: readonly TensorSlice[], options: StreamOptions): AsyncGenerator<WeightTensor> {
  const pieces = source.stream(run[0]!.start, run.at(-1)!.end, options.signal)[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  try {
    for (const slice of run) {
      const bytes = reserve(slice);
      for (let filled = 0; filled < bytes.length; ) {
        if (rest.length === 0) rest = await nextPiece(pieces, options);
        const part = rest.subarray(0, bytes.length - filled);
        bytes.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      await options.cache?.put(source, slice.start, bytes);
      yield toTensor(slice, bytes);
    }
  } finally {
    await pieces.return?.();
  }
}

async function nextPiece(pieces: AsyncIterator<Uint8Array>, options: StreamOptions): Promise<Uint8Array> {
  const { done, value } = await pieces.next();
  if (done) throw new AppError('model-truncated', 'the source ended before its range did');
  options.onBytes?.(value.length, 'network');
  return value;
}

function reserve({ role, start, end }: TensorSlice): Uint8Array {
  try {
    return new Uint8Array(end - start);
  } catch (cause) {
    throw new AppError('out-of-memory', `this device has no room for the ${end - start} bytes of ${role}`, { cause });
  }
}

function toTensor({ role, type, rows, columns }: TensorSlice, bytes: Uint8Array): WeightTensor {
  return { role, type, rows, columns, bytes };
}
