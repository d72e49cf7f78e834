import { describe, expect, test } from 'vitest';
import { readGgufHeader } from '../gguf/header.ts';
import { llamaSpec } from '../gguf/llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors } from '../gguf/shard-bytes.ts';
import { type TestGguf, type TestValue, tinyLlama, writeGguf } from '../gguf/testing/gguf-file.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import { openGguf } from './open-gguf.ts';
import { memoryRangeSource, type RangeSource } from './range-source.ts';
import { streamTensors } from './shard-stream.ts';

const NAME = 'https://host/models/tiny';
const ROPE_FREQS = { name: 'rope_freqs.weight', type: 'F32' as const, shape: [8], values: [1, 1, 1, 1, 2, 2, 8, 8] };
const whole: TestGguf = { ...tinyLlama(), tensors: [...tinyLlama().tensors, ROPE_FREQS] };
const PARTS = 3;

type Files = Record<string, Uint8Array>;
const count = (value: number): TestValue => ({ type: 'u16', value });
const partName = (number: number) => `${NAME}-0000${number}-of-0000${PARTS}.gguf`;

/** As gguf-split writes it: all metadata in the first file, in each its own tensors. */
function splitFiles(change: (part: number, metadata: TestGguf['metadata']) => TestGguf['metadata'] = (_, same) => same): Files {
  const perPart = Math.ceil(whole.tensors.length / PARTS);
  const entries = Array.from({ length: PARTS }, (_, i) => {
    const split = { 'split.no': count(i), 'split.count': count(PARTS), 'split.tensors.count': count(whole.tensors.length) };
    const metadata = i === 0 ? { ...whole.metadata, ...split } : split;
    const tensors = whole.tensors.slice(i * perPart, (i + 1) * perPart);
    return [partName(i + 1), writeGguf({ metadata: change(i, metadata), tensors })];
  });
  return Object.fromEntries(entries) as Files;
}

function opener(files: Files): (url: string) => Promise<RangeSource> {
  return async (url) => {
    const bytes = files[url];
    if (!bytes) throw new AppError('model-unreachable', `${url} answers 404`);
    return { ...memoryRangeSource(bytes, 100, url), validator: `v${bytes.length}` };
  };
}

async function allTensors(files: Files, url: string): Promise<WeightTensor[]> {
  const { source, header } = await openGguf(url, opener(files));
  const tensors: WeightTensor[] = [];
  for (const slices of [layerTensors(header, 0), layerTensors(header, 1), headTensors(header), embeddingTensors(header)]) {
    for await (const tensor of streamTensors(source, slices)) tensors.push({ ...tensor, bytes: tensor.bytes.slice() });
  }
  return tensors.sort((a, b) => a.role.localeCompare(b.role));
}

describe('a model that is split over several files', () => {
  test('describes the same model as the whole file', async () => {
    const { header } = await openGguf(partName(1), opener(splitFiles()));
    expect(llamaSpec(header)).toEqual(llamaSpec(await readGgufHeader(memoryRangeSource(writeGguf(whole)))));
    expect(llamaSpec(header).ropeFactors).toEqual(ROPE_FREQS.values);
  });

  test('gives every tensor the bytes that its own file has, whichever part is named', async () => {
    const files = splitFiles();
    const tensors = await allTensors(files, partName(2));
    for (const { role, bytes } of tensors) expect(bytes.length, role).toBeGreaterThan(0);
    const last = await readGgufHeader(memoryRangeSource(files[partName(3)]!));
    const { offset, byteLength } = last.tensors.get('output.weight')!;
    const expected = files[partName(3)]!.subarray(offset, offset + byteLength);
    expect(tensors.find(({ role }) => role === 'output')!.bytes).toEqual(new Uint8Array(expected));
    expect(tensors).toHaveLength(whole.tensors.length - 1);
  });

  test('is one file when it is not split', async () => {
    const bytes = writeGguf(whole);
    const { source } = await openGguf(`${NAME}.gguf`, opener({ [`${NAME}.gguf`]: bytes }));
    expect(source).toMatchObject({ url: `${NAME}.gguf`, size: bytes.length });
  });

  test('is not opened without all its parts', async () => {
    const { [partName(3)]: _, ...rest } = splitFiles();
    await expect(openGguf(partName(1), opener(rest))).rejects.toMatchObject({ code: 'model-unreachable' });
  });

  test.each([
    [
      'a part under another number',
      (i: number) => (i === 1 ? { 'split.no': count(2) } : {}),
      'file 2 of 3 says that it is part 3 of 3',
    ],
    [
      'a part of another model',
      (i: number) => (i === 2 ? { 'split.count': count(9) } : {}),
      'file 3 of 3 says that it is part 3 of 9',
    ],
    ['fewer tensors than promised', () => ({ 'split.tensors.count': count(99) }), 'tensors together, the first promises 99'],
    ['more files than any model has', () => ({ 'split.count': count(60_000) }), 'split over 60000 files, allowed are 256'],
    ['other files than the name says', () => ({ 'split.count': count(2) }), 'must be called ...-00001-of-00002.gguf'],
  ])('is refused with %s', async (_, change, message) => {
    const files = splitFiles((i, metadata) => ({ ...metadata, ...change(i) }));
    const refused = { code: 'model-malformed', message: expect.stringContaining(message) };
    await expect(openGguf(partName(1), opener(files))).rejects.toMatchObject(refused);
  });
});
