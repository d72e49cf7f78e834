import { expect, test } from 'vitest';
import { packSmall } from './small-quants.ts';

/** Quants of `bits` bits, one to a byte. */
function someQuants(bits: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 20) & (2 ** bits - 1));
}

/** What a kernel makes of value `i`: its bits of each plane, taken from where the kernels look for them. */
function unpack(bits: number, words: Uint32Array, i: number): number {
  const quad = i >> 2;
  const byte = 8 * (i & 3);
  const take = (word: number, shift: number, mask: number) => (words[word]! >>> (byte + shift)) & mask;
  const nibbleWords = bits >= 4 ? 4 : 0;
  let value = nibbleWords > 0 ? take(quad & 3, 4 * (quad >> 2), 15) : 0;
  if (bits === 2 || bits === 3 || bits === 6) value |= take(nibbleWords + (quad >> 2), 2 * (quad & 3), 3) << nibbleWords;
  if (bits === 3 || bits === 5) value |= take(words.length - 1, quad, 1) << (bits - 1);
  return value;
}

test.each([2, 3, 4, 5, 6] as const)('32 quants of %i bits take as many bits and come back', (bits) => {
  const quants = someQuants(bits);
  const packed = new Uint16Array(2 * bits);
  packSmall(bits, new Uint16Array(quants.buffer), packed, 0);
  const words = new Uint32Array(packed.buffer);
  expect(Array.from(quants, (_, i) => unpack(bits, words, i))).toEqual([...quants]);
});
