const LOG2_E: f32 = 1.4426950408889634;
/** ln 2 in two parts; the first has few bits, so that its multiples are exact. */
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.428606765330187e-6;
/** Below, the result would be subnormal; it is 0 there. Above, it would be infinite. */
const LEAST: f32 = -87.33654;
const MOST: f32 = 88.0;

/** exp of four floats: 2^n times the Taylor series of what remains, which is at most ln 2 / 2, to the seventh power. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const inside = f32x4.max(f32x4.min(x, f32x4.splat(MOST)), f32x4.splat(LEAST));
  const n = f32x4.nearest(f32x4.mul(inside, f32x4.splat(LOG2_E)));
  const high = f32x4.sub(inside, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  const rest = f32x4.sub(high, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let sum = f32x4.splat(1 / 5040.0);
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1 / 720.0));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1 / 120.0));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1 / 24.0));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1 / 6.0));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(0.5));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1));
  sum = f32x4.add(f32x4.mul(sum, rest), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(sum, power), f32x4.ge(x, f32x4.splat(LEAST)));
}
