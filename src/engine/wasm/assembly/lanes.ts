/**
 * What becomes of decoded weights. Both kinds stand as type parameters, so that each loop is compiled for one of them.
 *
 * Value i of a row always goes to lane i mod 4 and the lanes run in order: every kernel computes the same bits for the same row.
 */
@unmanaged
export class Multiply {
  /** Adds four products to the lanes; `at` is where four values of x are. */
  @inline
  take(lanes: v128, at: usize, weights: v128): v128 {
    return f32x4.add(lanes, f32x4.mul(weights, v128.load(at)));
  }
}

@unmanaged
export class Expand {
  /** Stores four weights at `at`. */
  @inline
  take(lanes: v128, at: usize, weights: v128): v128 {
    v128.store(at, weights);
    return lanes;
  }
}

// @ts-ignore: decorator
@inline
export function take<S>(lanes: v128, at: usize, weights: v128): v128 {
  return changetype<S>(0).take(lanes, at, weights);
}

/** Sixteen signed bytes times a scale: four times `take`. */
// @ts-ignore: decorator
@inline
export function takeBytes<S>(lanes: v128, at: usize, bytes: v128, scale: v128): v128 {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  lanes = take<S>(lanes, at, f32x4.mul(lowFloats(low), scale));
  lanes = take<S>(lanes, at + 16, f32x4.mul(highFloats(low), scale));
  lanes = take<S>(lanes, at + 32, f32x4.mul(lowFloats(high), scale));
  return take<S>(lanes, at + 48, f32x4.mul(highFloats(high), scale));
}

/** Sixteen bytes times a scale, plus an offset. */
// @ts-ignore: decorator
@inline
export function takeShifted<S>(lanes: v128, at: usize, bytes: v128, scale: v128, offset: v128): v128 {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  lanes = take<S>(lanes, at, f32x4.add(f32x4.mul(lowFloats(low), scale), offset));
  lanes = take<S>(lanes, at + 16, f32x4.add(f32x4.mul(highFloats(low), scale), offset));
  lanes = take<S>(lanes, at + 32, f32x4.add(f32x4.mul(lowFloats(high), scale), offset));
  return take<S>(lanes, at + 48, f32x4.add(f32x4.mul(highFloats(high), scale), offset));
}

// @ts-ignore: decorator
@inline
function lowFloats(words: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words));
}

// @ts-ignore: decorator
@inline
function highFloats(words: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words));
}

/** The fixed tree that joins lanes. */
// @ts-ignore: decorator
@inline
export function join(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/** `join` of four, one to a lane. */
// @ts-ignore: decorator
@inline
export function joinFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  const lower = f32x4.add(v128.shuffle<i64>(ab01, cd01, 0, 2), v128.shuffle<i64>(ab01, cd01, 1, 3));
  const upper = f32x4.add(v128.shuffle<i64>(ab23, cd23, 0, 2), v128.shuffle<i64>(ab23, cd23, 1, 3));
  return f32x4.add(lower, upper);
}
