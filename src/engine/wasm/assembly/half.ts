/** A half's exponent counts from -15, a float's from -127. */
const EXPONENT_SHIFT: f32 = 5192296858534827628530496329220096.0; // 2^112

/**
 * Half precision to float: the bits moved into a float's places, then the exponent put right by a multiplication, which
 * makes subnormal halves normal too. Infinity becomes 65536: no valid weight is infinite.
 */
// @ts-ignore: decorator
@inline
export function halfAt(at: usize): f32 {
  return reinterpret<f32>((load<i16>(at) << 13) & 0x8fffe000) * EXPONENT_SHIFT;
}

// @ts-ignore: decorator
@inline
export function fourHalves(at: usize): v128 {
  const moved = v128.and(i32x4.shl(v128.load16x4_s(at), 13), i32x4.splat(0x8fffe000));
  return f32x4.mul(moved, f32x4.splat(EXPONENT_SHIFT));
}
