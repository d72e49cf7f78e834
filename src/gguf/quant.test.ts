import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { floatToHalf } from '../shared/model/float16.ts';
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

const half = (value: number) => [floatToHalf(value) & 255, floatToHalf(value) >> 8];
const sixteen = (of: (i: number) => number) => Array.from({ length: 16 }, (_, i) => of(i));

test('BF16 is the upper half of a float', () => {
  expect(expand('BF16', [0xc0, 0x3f, 0x80, 0xc0], 2)).toEqual([1.5, -4]);
});

test('Q4_1 has a minimum that is added', () => {
  const packed = sixteen((i) => i | ((15 - i) << 4));
  const low = sixteen((i) => 2 * i - 3);
  expect(expand('Q4_1', [...half(2), ...half(-3), ...packed], 32)).toEqual([...low, ...low.toReversed()]);
});

test('Q5_0 and Q5_1 have their fifth bits in the order of the values', () => {
  const nibbles = sixteen(() => 0x21);
  const fifths = [0b00000001, 0, 0b10000000, 0];
  const values = Array.from({ length: 32 }, (_, i) => (i < 16 ? 1 : 2) + (i === 0 || i === 23 ? 16 : 0));
  expect(expand('Q5_0', [...half(1), ...fifths, ...nibbles], 32)).toEqual(values.map((q) => q - 16));
  expect(expand('Q5_1', [...half(3), ...half(0.5), ...fifths, ...nibbles], 32)).toEqual(values.map((q) => 3 * q + 0.5));
});

test('Q4_K and Q5_K multiply eight scales and minima, of which the last four are spread over three bytes', () => {
  // Scales 1, 2, 3, 4, 17, 34, 51, 60 and minima 5, 6, 7, 8, 33, 18, 3, 63.
  const scales = [1, 2, 3, 4, 17, 34, 51, 60];
  const minima = [5, 6, 7, 8, 33, 18, 3, 63];
  const packed = [0, 1, 2, 3].flatMap((j) => [scales[j]! | ((scales[j + 4]! >> 4) << 6)]);
  packed.push(...[0, 1, 2, 3].map((j) => minima[j]! | ((minima[j + 4]! >> 4) << 6)));
  packed.push(...[0, 1, 2, 3].map((j) => (scales[j + 4]! & 15) | ((minima[j + 4]! & 15) << 4)));
  const nibbles = Array.from({ length: 128 }, () => 0x73);
  const expected = (fifth: (i: number, sub: number) => number) =>
    Array.from({ length: 256 }, (_, i) => {
      const sub = i >> 5;
      return 2 * scales[sub]! * ((sub % 2 ? 7 : 3) + 16 * fifth(i & 31, sub)) - 0.5 * minima[sub]!;
    });
  expect(expand('Q4_K', [...half(2), ...half(0.5), ...packed, ...nibbles], 256)).toEqual(expected(() => 0));
  const fifths = Array.from({ length: 32 }, (_, i) => (i === 3 ? 0b00100000 : i === 31 ? 0b10000001 : 0));
  const fifth = (i: number, sub: number) => Number((i === 3 && sub === 5) || (i === 31 && (sub === 0 || sub === 7)));
  expect(expand('Q5_K', [...half(2), ...half(0.5), ...packed, ...fifths, ...nibbles], 256)).toEqual(expected(fifth));
});

test('Q6_K has sixteen signed scales, and quants around 32 in nibbles and pairs of bits', () => {
  const nibbles = Array.from({ length: 128 }, (_, i) => (i < 64 ? 0x21 : 0x43));
  const pairs = Array.from({ length: 64 }, () => 0b11100100);
  const scales = sixteen((i) => (i - 8) & 255);
  const expected = Array.from({ length: 256 }, (_, i) => {
    const nibble = [1, 1, 2, 2, 3, 3, 4, 4][i >> 5]!;
    return 0.25 * ((i >> 4) - 8) * (nibble + 16 * ((i >> 5) & 3) - 32) + 0;
  });
  expect(expand('Q6_K', [...nibbles, ...pairs, ...scales, ...half(0.25)], 256).map((value) => value + 0)).toEqual(expected);
});

test('Q3_K has third bits of their own and sixteen scales around 32', () => {
  const thirds = Array.from({ length: 32 }, (_, i) => (i === 2 ? 0b00000010 : 0));
  const pairs = Array.from({ length: 64 }, () => 0b11100100);
  // Scale j is j + 16: lower four bits j, upper two 1.
  const lower = Array.from({ length: 8 }, (_, j) => j | ((j + 8) << 4));
  const expected = Array.from({ length: 256 }, (_, i) => {
    const quant = ((i >> 5) & 3) + (i === 34 ? 4 : 0);
    return ((i >> 4) + 16 - 32) * (quant - 4) + 0;
  });
  const block = [...thirds, ...pairs, ...lower, 0x55, 0x55, 0x55, 0x55, ...ONE];
  expect(expand('Q3_K', block, 256).map((value) => value + 0)).toEqual(expected);
});

test('Q2_K has a scale and a minimum in each of sixteen bytes', () => {
  const both = sixteen((j) => j | ((15 - j) << 4));
  const pairs = Array.from({ length: 64 }, () => 0b11100100);
  const expected = Array.from({ length: 256 }, (_, i) => 2 * (i >> 4) * ((i >> 5) & 3) - 0.5 * (15 - (i >> 4)));
  expect(expand('Q2_K', [...both, ...pairs, ...half(2), ...half(0.5)], 256)).toEqual(expected);
});

test('rows are whole blocks', () => {
  expect(QUANT_TYPES.map((type) => rowBytes(type, 256))).toEqual([
    1024, 512, 512, 272, 144, 160, 176, 192, 84, 110, 144, 176, 210,
  ]);
  expect(() => rowBytes('Q4_0', 48)).toThrow('a row of 48 values is not a whole number of Q4_0 blocks of 32');
  expect(() => rowBytes('Q4_K', 128)).toThrow('a row of 128 values is not a whole number of Q4_K blocks of 256');
});

interface RecordedBlocks {
  type: (typeof QUANT_TYPES)[number];
  /** Base64. */
  blocks: string;
  values: string;
}

test('random blocks of every format become the very numbers that llama.cpp makes of them', async () => {
  const fixture = await readFile(new URL('../../e2e/fixtures/blocks.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(fixture) as { cases: RecordedBlocks[] };
  expect(cases.map(({ type }) => type).sort()).toEqual([...QUANT_TYPES].sort());
  for (const { type, blocks, values } of cases) {
    const expected = Float32Array.from(new Float32Array(new Uint8Array(Buffer.from(values, 'base64')).buffer));
    const actual = new Float32Array(expected.length);
    dequantize(type, Buffer.from(blocks, 'base64'), 0, actual.length, actual);
    expect(actual.length).toBe(512);
    expect(firstDifference(actual, expected), type).toBeNull();
  }
});

function firstDifference(actual: Float32Array, expected: Float32Array): string | null {
  const at = actual.findIndex((value, i) => value !== expected[i]);
  return at < 0 ? null : `value ${at} is ${actual[at]}, not ${expected[at]}`;
}

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
