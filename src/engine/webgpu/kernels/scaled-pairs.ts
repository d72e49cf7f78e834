import type { ModelSpec } from '../../../shared/model/model-spec.ts';

type Shape = Pick<ModelSpec, 'nKvHeads' | 'headDim'>;

const LARGEST = 32_767;
/** A word's upper half, read as it is, is its integer times this, exactly. */
const UPPER_HALF = 2 ** 16;
const SMALLEST_NORMAL = '1.17549435e-38';

/**
 * 32-bit words that a cache holds for one position: pairs of 16-bit integers, all key heads, then all value heads, and then a
 * scale for each of these vectors (float32 bits). A value is its integer times its vector's scale, see `roundVectors` of the
 * processor: more than a hundred times closer than half precision.
 */
export function cacheWords({ nKvHeads, headDim }: Shape): number {
  return nKvHeads * (headDim + 2);
}

/** Where the scale of a position's first key is, words from the position's start; that of its first value is nKvHeads on. */
export function scaleWords({ nKvHeads, headDim }: Shape): number {
  return nKvHeads * headDim;
}

/** Two integers as they lie in a word, both times UPPER_HALF, which the scale makes good. */
export const UNPACK_PAIR = `
fn unpackPair(word: u32) -> vec2f {
  return vec2f(bitcast<vec2i>(vec2u(word << 16u, word & 0xffff0000u)));
}`;

/**
 * `magnitude` of the larger of two values, as bits: they are in the order of the floats, and what is no number is the largest.
 * `scaleOf` a vector's largest magnitude, zero where that is too small for a quotient to be trusted.
 */
export const PACK_PAIR = `
fn magnitude(value: vec2f) -> u32 {
  let bits = bitcast<vec2u>(value) & vec2u(0x7fffffffu);
  return max(bits.x, bits.y);
}
fn scaleOf(largest: u32) -> f32 {
  let scale = bitcast<f32>(largest) / ${LARGEST * UPPER_HALF}.0;
  return select(scale, 0.0, scale < ${SMALLEST_NORMAL});
}
fn stepsOf(scale: f32) -> f32 {
  return select(${1 / UPPER_HALF} / scale, 0.0, scale == 0.0);
}
fn packPair(value: vec2f, steps: f32) -> u32 {
  let integers = bitcast<vec2u>(vec2i(round(value * steps)));
  return (integers.x & 0xffffu) | (integers.y << 16u);
}`;
