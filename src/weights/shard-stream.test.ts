import { expect, test } from 'vitest';
import { readGgufHeader } from '../gguf/header.ts';
import { headTensors, layerTensors, sliceBytes, type TensorSlice } from '../gguf/shard-bytes.ts';
import { tinyLlama, writeGguf } from '../gguf/testing/gguf-file.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { WEIGHT_PIECE_BYTES } from '../shared/model/limits.ts';
import { memoryRangeSource, type RangeSource } from './range-source.ts';
import type { ShardCache, Shortage } from './shard-cache.ts';
import { streamTensors } from './shard-stream.ts';
import { MemoryCache } from './testing/memory-cache.ts';

const FILE = writeGguf(tinyLlama({ nLayers: 3, tiedHead: true }));
const header = await readGgufHeader(memoryRangeSource(FILE));

/** The file, with a record of what is asked of it. */
function recorded(file = FILE): RangeSource & { ranges: [number, number][] } {
  const source = { ...memoryRangeSource(file, 1000), validator: 'v1' };
  const ranges: [number, number][] = [];
  return {
    ...source,
    ranges,
    stream: (start, end) => {
      ranges.push([start, end]);
      return source.stream(start, end);
    },
  };
}

async function collect(tensors: AsyncIterable<WeightTensor>): Promise<WeightTensor[]> {
  const all: WeightTensor[] = [];
  for await (const tensor of tensors) all.push({ ...tensor, bytes: tensor.bytes.slice() });
  return all;
}

function fromFile(slices: TensorSlice[]): WeightTensor[] {
  return slices.map(({ role, type, rows, columns, start, end }) => ({
    role,
    type,
    rows,
    columns,
    bytes: FILE.slice(start, end),
  }));
}

test('a layer arrives whole, tensor by tensor, with one request for its bytes and no others', async () => {
  const source = recorded();
  const slices = layerTensors(header, 1);
  expect(await collect(streamTensors(source, slices))).toEqual(fromFile(slices));
  expect(source.ranges).toEqual([[slices[0]!.start, slices.at(-1)!.end]]);
  expect(slices.at(-1)!.end - slices[0]!.start).toBe(sliceBytes(slices));
});

test('a large tensor comes in pieces of whole rows, with one request, and from the cache as well', async () => {
  const columns = 1024;
  const rows = 2 * (WEIGHT_PIECE_BYTES / (4 * columns)) + 3;
  const file = Uint8Array.from({ length: 4 * columns * rows + 5 }, (_, i) => i * 7 + (i >> 12));
  const slice: TensorSlice = { role: 'output', type: 'F32', rows, columns, start: 5, end: file.length };
  const cache = new MemoryCache();
  for (const requests of [[[5, file.length]], []]) {
    const source = recorded(file);
    const pieces = await collect(streamTensors(source, [slice], { cache }));
    expect(source.ranges).toEqual(requests);
    expect(pieces.map(({ firstRow, rows: count }) => [firstRow, count])).toEqual([
      [0, WEIGHT_PIECE_BYTES / (4 * columns)],
      [WEIGHT_PIECE_BYTES / (4 * columns), WEIGHT_PIECE_BYTES / (4 * columns)],
      [rows - 3, 3],
    ]);
    expect(Buffer.compare(Buffer.concat(pieces.map(({ bytes }) => bytes)), file.subarray(5))).toBe(0);
  }
});

test('tensors with a gap between them come with a request each', async () => {
  const source = recorded();
  const slices = headTensors(header);
  expect(await collect(streamTensors(source, slices.toReversed()))).toEqual(fromFile(slices));
  expect(source.ranges).toEqual(slices.map(({ start, end }) => [start, end]));
});

test('no more is fetched than the tensor that is asked for next', async () => {
  let pieces = 0;
  const memory = memoryRangeSource(FILE, 1000);
  const source: RangeSource = {
    ...memory,
    async *stream(start, end) {
      for await (const piece of memory.stream(start, end)) {
        pieces++;
        yield piece;
      }
    },
  };
  const slices = layerTensors(header, 0);
  let neededBytes = 0;
  for await (const tensor of streamTensors(source, slices)) {
    neededBytes += tensor.bytes.length;
    expect(pieces).toBe(Math.ceil(neededBytes / 1000));
  }
});

test('progress counts every byte once', async () => {
  let total = 0;
  const slices = layerTensors(header, 2);
  await collect(
    streamTensors(recorded(), slices, { onBytes: (count, from) => (total += from === 'network' ? count : Number.NaN) }),
  );
  expect(total).toBe(sliceBytes(slices));
});

test('what is in the cache is not fetched again, and what is missing there is', async () => {
  const cache = new MemoryCache();
  const slices = layerTensors(header, 0);
  await collect(streamTensors(recorded(), slices, { cache }));
  for (const { start, end } of slices) expect(await cache.has(recorded(), start, end)).toBe(true);

  const missing = slices[3]!;
  const source = recorded();
  cache.drop(source, missing.start, missing.end);
  const bytesFrom = { network: 0, cache: 0 };
  const onBytes = (count: number, from: 'network' | 'cache') => {
    bytesFrom[from] += count;
  };
  expect(await collect(streamTensors(source, slices, { cache, onBytes }))).toEqual(fromFile(slices));
  expect(source.ranges).toEqual([[missing.start, missing.end]]);
  const missingBytes = missing.end - missing.start;
  expect(bytesFrom).toEqual({ network: missingBytes, cache: sliceBytes(slices) - missingBytes });
});

test('an entry that turns out to be damaged is fetched', async () => {
  const slices = headTensors(header);
  const damaged: ShardCache = { has: async () => true, get: async () => false, put: async () => null };
  const source = recorded();
  expect(await collect(streamTensors(source, slices, { cache: damaged }))).toEqual(fromFile(slices));
  expect(source.ranges).toHaveLength(2);
});

test('what the cache has no room for is loaded all the same, and said', async () => {
  const slices = layerTensors(header, 0);
  const shortage = { neededBytes: 5, freeBytes: 1 };
  const full: ShardCache = { has: async () => false, get: async () => false, put: async () => shortage };
  const told: Shortage[] = [];
  const onNotKept = (what: Shortage) => told.push(what);
  expect(await collect(streamTensors(recorded(), slices, { cache: full, onNotKept }))).toEqual(fromFile(slices));
  expect(told).toEqual(slices.map(() => shortage));
});

test('a source that ends early is a truncated model', async () => {
  const slices = layerTensors(header, 1);
  const memory = memoryRangeSource(FILE);
  const short: RangeSource = { ...memory, stream: (start, end) => memory.stream(start, end - 1) };
  await expect(collect(streamTensors(short, slices))).rejects.toMatchObject({ code: 'model-truncated' });
});

test('a consumer that stops early stops the source', async () => {
  let ended = false;
  const memory = memoryRangeSource(FILE, 100);
  const source: RangeSource = {
    ...memory,
    async *stream(start, end) {
      try {
        yield* memory.stream(start, end);
      } finally {
        ended = true;
      }
    },
  };
  for await (const _ of streamTensors(source, layerTensors(header, 0))) break;
  expect(ended).toBe(true);
});

test('a whole shard, part after part, comes in the memory of one piece', async () => {
  const rooms = new Set<ArrayBufferLike>();
  for (const layer of [0, 1, 2]) {
    for await (const { bytes } of streamTensors(recorded(), layerTensors(header, layer))) rooms.add(bytes.buffer);
  }
  expect(rooms.size).toBe(1);
});

test('a stream that its reader leaves early gives its memory to the next', async () => {
  const seen: ArrayBufferLike[] = [];
  for (const layer of [0, 1]) {
    for await (const { bytes } of streamTensors(recorded(), layerTensors(header, layer))) {
      seen.push(bytes.buffer);
      break;
    }
  }
  expect(seen[0] === seen[1]).toBe(true);
});

test('streams side by side have memory of their own', async () => {
  const both = [0, 1].map((layer) => streamTensors(recorded(), layerTensors(header, layer)));
  const first = await Promise.all(both.map((tensors) => tensors.next()));
  const [a, b] = first.map(({ value }) => value as WeightTensor);
  expect(a!.bytes.buffer === b!.bytes.buffer).toBe(false);
  expect(Buffer.compare(a!.bytes, fromFile(layerTensors(header, 0))[0]!.bytes)).toBe(0);
  await Promise.all(both.map((tensors) => tensors.return(undefined)));
});
