import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { memorySource } from './byte-source.ts';
import { readGgufHeader } from './header.ts';
import { dequantize, QUANT_TYPES, rowBytes } from './quant.ts';

const ONE = [0x00, 0x3c]; // 1.0 in half precision
const MINUS_TWO = [0x00, 0xc0];

function expand(type: (typeof QUANT_TYPES)[number], bytes: number[], count: number): number[] {
  const out = new Float32Array(count);
  // An odd offset: blocks lie anywhere in a file.
  dequantize(type, Uint8Array.of(0xaa, ...bytes), 1, count, out);
  return [...out];
}

test('F32 and F16 are taken as they are', () => {
  expect(expand('F32', [...new Uint8Array(Float32Array.of(1.5, -0.1).buffer)], 2)).toEqual([1.5, Math.fround(-0.1)]);
  expect(expand('F16', [...ONE, ...MINUS_TWO], 2)).toEqual([1, -2]);
});

test('Q8_0 is a scale times signed bytes', () => {
  const quants = Array.from({ length: 32 }, (_, i) => i * 8 - 128);
  expect(expand('Q8_0', [...MINUS_TWO, ...quants.map((q) => q & 255)], 32)).toEqual(quants.map((q) => -2 * q));
});

test('Q4_0 has values 0 to 15 in the low halves of its bytes and 16 to 31 in the high ones, around 8', () => {
  const packed = Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
  const low = Array.from({ length: 16 }, (_, i) => i - 8);
  expect(expand('Q4_0', [...ONE, ...packed], 32)).toEqual([...low, ...low.toReversed()]);
});

test('rows are whole blocks', () => {
  expect(QUANT_TYPES.map((type) => rowBytes(type, 64))).toEqual([256, 128, 68, 36]);
  expect(() => rowBytes('Q4_0', 48)).toThrow('a row of 48 values is not a whole number of Q4_0 blocks of 32');
});

/** First row of a matrix of one of the storyteller's files. */
async function firstRow(path: string): Promise<Float32Array> {
  const file = await readFile(new URL(`../../${path}`, import.meta.url));
  const { type, shape, offset } = (await readGgufHeader(memorySource(file))).tensors.get('blk.3.ffn_up.weight')!;
  const row = new Float32Array(shape[0]!);
  dequantize(type, file, offset, row.length, row);
  return row;
}

test.each([
  ['e2e/fixtures/models/storyteller-1.7m-f16.gguf', 2 ** -11],
  ['public/models/storyteller-1.7m-q8_0.gguf', 1 / 127],
  ['e2e/fixtures/models/storyteller-1.7m-q4_0.gguf', 1 / 8],
])('%s holds the weights of the F32 file, to its precision', async (path, relativeStep) => {
  const exact = await firstRow('e2e/fixtures/models/storyteller-1.7m-f32.gguf');
  const rounded = await firstRow(path);
  const step = Math.max(...exact.map(Math.abs)) * relativeStep;
  expect(Math.max(...exact.map((value, i) => Math.abs(value - rounded[i]!)))).toBeLessThanOrEqual(step);
});
