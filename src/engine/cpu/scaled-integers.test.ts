import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundVectors } from './scaled-integers.ts';

function rounded(vectors: Float32Array, count: number): Float64Array {
  const integers = new Int16Array(vectors.length);
  const scales = new Float32Array(count);
  roundVectors(vectors, integers, scales);
  return Float64Array.from(integers, (integer, i) => integer * scales[Math.floor((i * count) / vectors.length)]!);
}

test('every value is off by at most 1/65534 of the largest of its own vector', () => {
  const vectors = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(vectors, (values) => {
      const floats = Float32Array.from(values);
      const kept = rounded(floats, 2);
      for (const [i, value] of floats.entries()) {
        const own = floats.subarray(i < 4 ? 0 : 4, i < 4 ? 4 : 8);
        const largest = Math.max(...own.map(Math.abs));
        // The scale itself is a float32; far below what float32 holds in full, zero will do.
        expect(Math.abs(kept[i]! - value)).toBeLessThanOrEqual(largest * (1 / 65_534 + 2 ** -23) + 1e-33);
      }
    }),
  );
});

test('a vector of zeros stays so, and what is no number spoils its own vector only', () => {
  expect([...rounded(new Float32Array(4), 1)]).toEqual([0, 0, 0, 0]);
  const kept = rounded(Float32Array.of(Number.NaN, 1, 2, -4), 2);
  expect(kept.subarray(0, 2).every(Number.isNaN)).toBe(true);
  expect(kept[3]).toBeCloseTo(-4, 6);
  expect(rounded(Float32Array.of(Number.POSITIVE_INFINITY, 1), 1).some(Number.isFinite)).toBe(false);
});
