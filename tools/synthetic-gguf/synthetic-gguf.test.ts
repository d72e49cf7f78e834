import { describe, expect, test } from 'vitest';
import { readGgufHeader } from '../../src/gguf/header.ts';
import { llamaSpec } from '../../src/gguf/llama-spec.ts';
import { embeddingTensors, layerTensors } from '../../src/gguf/shard-bytes.ts';
import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { FILE_FORMATS } from './file-formats.ts';
import { MODEL_SHAPES } from './model-shapes.ts';
import { syntheticGguf } from './synthetic-gguf.ts';

const shapeOf = (name: string) => MODEL_SHAPES[name]!;

describe.each(Object.keys(MODEL_SHAPES))('a file in the shape of %s', (name) => {
  test('is read as the model that it imitates, with a tokenizer that spells any text', async () => {
    const header = await readGgufHeader(syntheticGguf({ name, shape: shapeOf(name), format: 'Q4_K_M' }));
    const spec = llamaSpec(header);
    const { dim, nLayers, nHeads, nKvHeads, vocabSize, tied = false } = shapeOf(name);
    expect(spec).toMatchObject({ name, dim, nLayers, nHeads, nKvHeads, vocabSize, tiedHead: tied });
    const tokenizer = createTokenizer(header);
    const ids = tokenizer.encode('Zoë!', { addBos: false, parseSpecial: false });
    expect(Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id))).toString()).toContain('Zo');
  });
});

test.each(FILE_FORMATS)('any range of a file of %s is that part of the whole', async (format) => {
  const source = syntheticGguf({ name: 'mini', shape: { ...shapeOf('mini'), vocabSize: 300 }, format, nLayers: 1 });
  const whole = await source.read(0, source.size);
  const header = await readGgufHeader(source);
  const { start, end } = layerTensors(header, 0).find(({ role }) => role === 'ffn_down')!;
  for (const [from, to] of [
    [start + 1, start + 2],
    [start + 12_345, start + 13_000],
    [end - 777, end],
    [start - 50, start + 5000],
  ] as const) {
    expect(Buffer.compare(await source.read(from, to), whole.subarray(from, to)), `${from}-${to}`).toBe(0);
  }
});

test('the same options give the same bytes, another seed others', async () => {
  const make = (seed: number) => syntheticGguf({ name: 'mini', shape: shapeOf('mini'), format: 'Q4_0', nLayers: 1, seed });
  const bytesOf = async (seed: number) => {
    const source = make(seed);
    const { start } = embeddingTensors(await readGgufHeader(source))[0]!;
    return [...(await source.read(start, start + 64))];
  };
  expect(await bytesOf(1)).toEqual(await bytesOf(1));
  expect(await bytesOf(1)).not.toEqual(await bytesOf(2));
});

test('Llama-2-7B in Q4_0 has its 3.8 GB, and with a gap its tensors lie beyond 2^32', async () => {
  const shape = shapeOf('llama-2-7b');
  const source = syntheticGguf({ name: '7b', shape, format: 'Q4_0' });
  expect(source.size / 1e9).toBeCloseTo(3.8, 1);
  const sparse = syntheticGguf({ name: '7b', shape, format: 'Q4_0', nLayers: 1, gapBytes: 2 ** 32 });
  const header = await readGgufHeader(sparse);
  const { start, end } = layerTensors(header, 0)[0]!;
  expect(start).toBeGreaterThan(2 ** 32);
  expect(await sparse.read(start, end)).toEqual(await source.read(...rangeOf(await readGgufHeader(source))));
  expect((await sparse.read(2 ** 32 - 8, 2 ** 32)).every((byte) => byte === 0)).toBe(true);
});

function rangeOf(header: Awaited<ReturnType<typeof readGgufHeader>>): [number, number] {
  const { start, end } = layerTensors(header, 0)[0]!;
  return [start, end];
}
