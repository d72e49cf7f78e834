/**
 * How kernels read scales. The array `scales` has 16-bit words, two to a word of the device, superblock after superblock in
 * the order of the file (split-blocks.ts). Block b is sub-block b mod 8 of superblock b / 8.
 */

/** Subnormal numbers, which small weights do have as scales, are made by hand: a device may read them as zero. */
export const SCALE_HELPERS = `
fn wordOf(index: u32) -> u32 { return (scales[index >> 1u] >> (16u * (index & 1u))) & 0xffffu; }
fn halfOf(bits: u32) -> f32 {
  let small = f32(bits & 0x3ffu) * 0x1p-24;
  let subnormal = select(small, -small, (bits & 0x8000u) != 0u);
  return select(unpack2x16float(bits).x, subnormal, (bits & 0x7c00u) == 0u);
}
fn evenHalf(index: u32) -> f32 {
  let pair = unpack2x16float(scales[index >> 1u]);
  return select(pair.x, pair.y, (index & 1u) == 1u);
}
fn signedByte(word: u32, index: u32) -> f32 { return f32(bitcast<i32>(word << (24u - 8u * index)) >> 24u); }`;

/** 8 words: d, dmin, 12 bytes of 6-bit scales and minima; those of sub-blocks 4 to 7 are spread over three bytes. */
const sixBitScales = (middle: number) => `
fn scalesOf(block: u32) -> vec2f {
  let at = (block >> 3u) * 4u;
  let shift = 8u * (block & 3u);
  let first = scales[at + 1u] >> shift;
  let second = scales[at + 2u] >> shift;
  let third = scales[at + 3u] >> shift;
  let late = (block & 4u) != 0u;
  let scale = select(first & 63u, (third & 15u) | ((first >> 2u) & 48u), late);
  let least = select(second & 63u, ((third >> 4u) & 15u) | ((second >> 2u) & 48u), late);
  let d = halfOf(scales[at] & 0xffffu) * f32(scale);
  return vec2f(d, fma(${middle}.0, d, -(halfOf(scales[at] >> 16u) * f32(least))));
}`;

/** 10 words: 16 bytes of scale (low nibble) and minimum (high nibble), d, dmin. */
const Q2_K = `
fn scalesOf(block: u32) -> vec4f {
  let at = (block >> 3u) * 10u;
  let both = wordOf(at + (block & 7u));
  let d = halfOf(wordOf(at + 8u));
  let dmin = halfOf(wordOf(at + 9u));
  let scale = d * vec2f(f32(both & 15u), f32((both >> 8u) & 15u));
  let least = dmin * vec2f(f32((both >> 4u) & 15u), f32(both >> 12u));
  return vec4f(scale, fma(vec2f(2), scale, -least));
}`;

/** 7 words: the lower four bits of 16 scales in 8 bytes, the upper two in 4 bytes, d. */
const Q3_K = `
fn scalesOf(block: u32) -> vec2f {
  let at = (block >> 3u) * 7u;
  let lower = wordOf(at + (block & 3u)) >> (block & 4u);
  let upper = wordOf(at + 4u + (block & 1u)) >> (block & 6u);
  let six = (vec2u(lower, lower >> 8u) & vec2u(15u)) | ((vec2u(upper, upper >> 8u) & vec2u(3u)) << vec2u(4u));
  return halfOf(wordOf(at + 6u)) * (vec2f(six) - vec2f(32));
}`;

/** 9 words: 16 signed bytes, d. */
const Q6_K = `
fn scalesOf(block: u32) -> vec2f {
  let at = (block >> 3u) * 9u;
  let both = wordOf(at + (block & 7u));
  return halfOf(wordOf(at + 8u)) * vec2f(signedByte(both, 0u), signedByte(both, 1u));
}`;

export const K_SCALES = { Q2_K, Q3_K, Q4_K: sixBitScales(8), Q5_K: sixBitScales(16), Q6_K };
