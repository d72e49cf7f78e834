import { describe, expect, test } from 'vitest';
import { dequantize, type QuantType } from '../../gguf/quant.ts';
import { halfToFloat } from '../../shared/model/float16.ts';
import { splitBlocks } from './split-blocks.ts';

const BLOCKS = 5;

function someBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 11) & 0xff);
}

/** What a kernel makes of quad `quad` of a block: bytes and nibbles where they stand in their word, then their unit. */
function quadOf(type: QuantType, words: Uint32Array, quad: number): number[] {
  if (type === 'Q8_0') {
    const word = words[quad]!;
    const bytes = [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff);
    return bytes.map((byte, i) => (i < 3 ? byte - 128 : (byte << 24) >> 24));
  }
  const word = words[quad % 4]!;
  return [0, 8, 16, 24].map((shift) => ((word >>> (shift + (quad < 4 ? 0 : 4))) & 15) - 8);
}

describe('blocks split into quants and scales', () => {
  test.each([
    { type: 'Q8_0' as const, blockBytes: 34 },
    { type: 'Q4_0' as const, blockBytes: 18 },
  ])('$type holds the same values, also from an odd place in memory', ({ type, blockBytes }) => {
    const memory = someBytes(BLOCKS * blockBytes + 1);
    const bytes = memory.subarray(1);
    // A random scale may be infinite or no number.
    for (let block = 0; block < BLOCKS; block++) bytes[block * blockBytes + 1]! &= 0x3f;
    const expected = new Float32Array(BLOCKS * 32);
    dequantize(type, bytes, 0, expected.length, expected);
    const { quants, scales } = splitBlocks(type, bytes);
    expect(quants.length + scales.byteLength).toBe(bytes.length);
    const blockWords = (blockBytes - 2) / 4;
    const words = new Uint32Array(quants.buffer);
    for (let block = 0; block < BLOCKS; block++) {
      const own = words.subarray(block * blockWords, (block + 1) * blockWords);
      const values = Array.from({ length: 8 }, (_, quad) => quadOf(type, own, quad)).flat();
      expect(Float32Array.from(values, (value) => value * halfToFloat(scales[block]!))).toEqual(
        expected.slice(block * 32, block * 32 + 32),
      );
    }
  });
});
