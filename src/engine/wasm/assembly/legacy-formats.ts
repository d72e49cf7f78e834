import { fourHalves, halfAt } from './half';
import { take, takeBytes, takeShifted } from './lanes';

// @ts-ignore: decorator
@inline
export function takeF16<S>(lanes: v128, at: usize, block: usize): v128 {
  return take<S>(lanes, at, fourHalves(block));
}

/** The upper half of a float. */
// @ts-ignore: decorator
@inline
export function takeBF16<S>(lanes: v128, at: usize, block: usize): v128 {
  return take<S>(lanes, at, i32x4.shl(v128.load16x4_u(block), 16));
}

// @ts-ignore: decorator
@inline
export function takeQ8_0<S>(lanes: v128, at: usize, block: usize): v128 {
  const scale = f32x4.splat(halfAt(block));
  lanes = takeBytes<S>(lanes, at, v128.load(block + 2), scale);
  return takeBytes<S>(lanes, at + 64, v128.load(block + 18), scale);
}

// @ts-ignore: decorator
@inline
export function takeQ4_0<S>(lanes: v128, at: usize, block: usize): v128 {
  const scale = f32x4.splat(halfAt(block));
  const packed = v128.load(block + 2);
  const eight = i8x16.splat(8);
  lanes = takeBytes<S>(lanes, at, i8x16.sub(lowNibbles(packed), eight), scale);
  return takeBytes<S>(lanes, at + 64, i8x16.sub(highNibbles(packed), eight), scale);
}

// @ts-ignore: decorator
@inline
export function takeQ4_1<S>(lanes: v128, at: usize, block: usize): v128 {
  const scale = f32x4.splat(halfAt(block));
  const least = f32x4.splat(halfAt(block + 2));
  const packed = v128.load(block + 4);
  lanes = takeShifted<S>(lanes, at, lowNibbles(packed), scale, least);
  return takeShifted<S>(lanes, at + 64, highNibbles(packed), scale, least);
}

// @ts-ignore: decorator
@inline
export function takeQ5_0<S>(lanes: v128, at: usize, block: usize): v128 {
  const scale = f32x4.splat(halfAt(block));
  const packed = v128.load(block + 6);
  const sixteen = i8x16.splat(16);
  const low = v128.or(lowNibbles(packed), fifthBits(block + 2));
  const high = v128.or(highNibbles(packed), fifthBits(block + 4));
  lanes = takeBytes<S>(lanes, at, i8x16.sub(low, sixteen), scale);
  return takeBytes<S>(lanes, at + 64, i8x16.sub(high, sixteen), scale);
}

// @ts-ignore: decorator
@inline
export function takeQ5_1<S>(lanes: v128, at: usize, block: usize): v128 {
  const scale = f32x4.splat(halfAt(block));
  const least = f32x4.splat(halfAt(block + 2));
  const packed = v128.load(block + 8);
  lanes = takeShifted<S>(lanes, at, v128.or(lowNibbles(packed), fifthBits(block + 4)), scale, least);
  return takeShifted<S>(lanes, at + 64, v128.or(highNibbles(packed), fifthBits(block + 6)), scale, least);
}

// @ts-ignore: decorator
@inline
function lowNibbles(packed: v128): v128 {
  return v128.and(packed, i8x16.splat(15));
}

// @ts-ignore: decorator
@inline
function highNibbles(packed: v128): v128 {
  return v128.and(i16x8.shr_u(packed, 4), i8x16.splat(15));
}

/** Sixteen bits to sixteen bytes of 0 or 16: byte i gets bit i. */
// @ts-ignore: decorator
@inline
function fifthBits(at: usize): v128 {
  const bits = v128.load16_splat(at);
  const spread = v128.shuffle<i8>(bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const one = i64x2.splat(0x8040201008040201);
  return v128.and(i8x16.eq(v128.and(spread, one), one), i8x16.splat(16));
}
