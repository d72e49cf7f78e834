import { halfAt } from './half';
import { takeBytes, takeShifted } from './lanes';

/** Superblocks of 256 values, taken in eight parts of 32; `part` is the index of a part. */

// @ts-ignore: decorator
@inline
export function takeQ2_K<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
  const d = halfAt(block + 80);
  const dmin = halfAt(block + 82);
  const first = load<u8>(block + 2 * part);
  const second = load<u8>(block + 2 * part, 1);
  const quants = block + 16 + 32 * (part >> 2);
  const shift = 2 * (<i32>part & 3);
  lanes = takeMinimum<S>(lanes, at, bitsAt(quants, shift, 3), d * <f32>(first & 15), dmin * <f32>(first >> 4));
  return takeMinimum<S>(lanes, at + 64, bitsAt(quants + 16, shift, 3), d * <f32>(second & 15), dmin * <f32>(second >> 4));
}

// @ts-ignore: decorator
@inline
export function takeQ3_K<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
  const d = halfAt(block + 108);
  const quants = block + 32 + 32 * (part >> 2);
  const first = f32x4.splat(d * q3Scale(block + 96, 2 * part));
  const second = f32x4.splat(d * q3Scale(block + 96, 2 * part + 1));
  lanes = takeBytes<S>(lanes, at, threeBits(quants, block, part), first);
  return takeBytes<S>(lanes, at + 64, threeBits(quants + 16, block + 16, part), second);
}

// @ts-ignore: decorator
@inline
export function takeQ4_K<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
  const scale = halfAt(block) * packedScale(block + 4, part);
  const minimum = halfAt(block + 2) * packedMinimum(block + 4, part);
  const quants = block + 16 + 32 * (part >> 1);
  const shift = 4 * (<i32>part & 1);
  lanes = takeMinimum<S>(lanes, at, bitsAt(quants, shift, 15), scale, minimum);
  return takeMinimum<S>(lanes, at + 64, bitsAt(quants + 16, shift, 15), scale, minimum);
}

// @ts-ignore: decorator
@inline
export function takeQ5_K<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
  const scale = halfAt(block) * packedScale(block + 4, part);
  const minimum = halfAt(block + 2) * packedMinimum(block + 4, part);
  const quants = block + 48 + 32 * (part >> 1);
  lanes = takeMinimum<S>(lanes, at, fiveBits(quants, block + 16, part), scale, minimum);
  return takeMinimum<S>(lanes, at + 64, fiveBits(quants + 16, block + 32, part), scale, minimum);
}

// @ts-ignore: decorator
@inline
export function takeQ6_K<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
  const d = halfAt(block + 208);
  const lower = block + 64 * (part >> 2) + 32 * (part & 1);
  const upper = block + 128 + 32 * (part >> 2);
  const first = f32x4.splat(d * <f32>load<i8>(block + 2 * part, 192));
  const second = f32x4.splat(d * <f32>load<i8>(block + 2 * part, 193));
  lanes = takeBytes<S>(lanes, at, sixBits(lower, upper, part), first);
  return takeBytes<S>(lanes, at + 64, sixBits(lower + 16, upper + 16, part), second);
}

/** Sixteen values scale * q - minimum. */
// @ts-ignore: decorator
@inline
function takeMinimum<S>(lanes: v128, at: usize, quants: v128, scale: f32, minimum: f32): v128 {
  return takeShifted<S>(lanes, at, quants, f32x4.splat(scale), f32x4.splat(-minimum));
}

/** Of sixteen bytes the bits that `mask` keeps after a shift to the right; the mask must fit into what is left of a byte. */
// @ts-ignore: decorator
@inline
function bitsAt(at: usize, shift: i32, mask: i8): v128 {
  return v128.and(i16x8.shr_u(v128.load(at), shift), i8x16.splat(mask));
}

/** Two bits and a third one, which is of value 4 and stands in bit `part` of its byte, less 4. */
// @ts-ignore: decorator
@inline
function threeBits(quants: usize, third: usize, part: usize): v128 {
  const lower = bitsAt(quants, 2 * (<i32>part & 3), 3);
  const upper = i16x8.shl(bitsAt(third, <i32>part, 1), 2);
  return i8x16.sub(v128.or(lower, upper), i8x16.splat(4));
}

// @ts-ignore: decorator
@inline
function fiveBits(quants: usize, fifth: usize, part: usize): v128 {
  const lower = bitsAt(quants, 4 * (<i32>part & 1), 15);
  return v128.or(lower, i16x8.shl(bitsAt(fifth, <i32>part, 1), 4));
}

// @ts-ignore: decorator
@inline
function sixBits(lower: usize, upper: usize, part: usize): v128 {
  const nibbles = bitsAt(lower, 4 * ((<i32>part >> 1) & 1), 15);
  const above = i16x8.shl(bitsAt(upper, 2 * (<i32>part & 3), 3), 4);
  return i8x16.sub(v128.or(nibbles, above), i8x16.splat(32));
}

/** Scale j of 16: four bits in the first eight bytes, the two upper ones in the last four; less 32. */
// @ts-ignore: decorator
@inline
function q3Scale(at: usize, j: usize): f32 {
  const lower = (<i32>load<u8>(at + (j & 7)) >> (4 * (<i32>j >> 3))) & 15;
  const upper = (<i32>load<u8>(at + (j & 3), 8) >> (2 * (<i32>j >> 2))) & 3;
  return <f32>((lower | (upper << 4)) - 32);
}

/** Scale of part j: six bits of byte j, for the last four parts four bits of byte j + 4 and two of byte j - 4. */
// @ts-ignore: decorator
@inline
function packedScale(at: usize, j: usize): f32 {
  if (j < 4) return <f32>(load<u8>(at + j) & 63);
  return <f32>((load<u8>(at + j, 4) & 15) | ((load<u8>(at + j - 4) >> 6) << 4));
}

// @ts-ignore: decorator
@inline
function packedMinimum(at: usize, j: usize): f32 {
  if (j < 4) return <f32>(load<u8>(at + j, 4) & 63);
  return <f32>((load<u8>(at + j, 4) >> 4) | ((load<u8>(at + j) >> 6) << 4));
}
