import { expect, test } from 'vitest';
import { readGgufHeader } from '../gguf/header.ts';
import { headTensors, layerTensors } from '../gguf/shard-bytes.ts';
import { tinyLlama, writeGguf } from '../gguf/testing/gguf-file.ts';
import { memoryRangeSource } from './range-source.ts';
import { streamTensors } from './shard-stream.ts';
import { storedParts } from './stored-parts.ts';
import { MemoryCache } from './testing/memory-cache.ts';

const FILE = writeGguf(tinyLlama({ nLayers: 4 }));
const source = { ...memoryRangeSource(FILE), validator: 'v1' };
const header = await readGgufHeader(source);

async function load(cache: MemoryCache, slices = layerTensors(header, 0)): Promise<void> {
  for await (const _ of streamTensors(source, slices, { cache }));
}

test('what was loaded is stored, by layer and head', async () => {
  const cache = new MemoryCache();
  expect(await storedParts(cache, source, header, 4)).toEqual({ layers: [], head: false });
  await load(cache, layerTensors(header, 3));
  await load(cache, layerTensors(header, 1));
  await load(cache, headTensors(header));
  expect(await storedParts(cache, source, header, 4)).toEqual({ layers: [1, 3], head: true });
});

test('a layer or head that lacks a piece is not stored', async () => {
  const cache = new MemoryCache();
  const layer = layerTensors(header, 2);
  await load(cache, layer);
  await load(cache, headTensors(header));
  for (const { start, end } of [layer.at(-1)!, headTensors(header)[0]!]) cache.drop(source, start, end);
  expect(await storedParts(cache, source, header, 4)).toEqual({ layers: [], head: false });
});

test('a device without a store has nothing stored', async () => {
  expect(await storedParts(null, source, header, 4)).toEqual({ layers: [], head: false });
});
