import { exp4 } from './exponential';

/** RMSNorm (Zhang and Sennrich 2019) of each row; squares are summed in float64. x, out: (count, dim), weight: (dim) */
export function rmsNorm(x: usize, weight: usize, dim: usize, eps: f64, count: usize, out: usize): void {
  const rowBytes = dim * 4;
  for (let i: usize = 0; i < count; i++) {
    const from = x + i * rowBytes;
    const to = out + i * rowBytes;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let k: usize = 0; k < rowBytes; k += 16) {
      const values = v128.load(from + k);
      const first = f64x2.promote_low_f32x4(values);
      const second = f64x2.promote_low_f32x4(v128.shuffle<i32>(values, values, 2, 3, 2, 3));
      low = f64x2.add(low, f64x2.mul(first, first));
      high = f64x2.add(high, f64x2.mul(second, second));
    }
    const lanes = f64x2.add(low, high);
    const squares = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
    const scale = f32x4.splat(<f32>(1 / sqrt<f64>(squares / <f64>dim + eps)));
    for (let k: usize = 0; k < rowBytes; k += 16) {
      v128.store(to + k, f32x4.mul(f32x4.mul(v128.load(from + k), scale), v128.load(weight + k)));
    }
  }
}

/** gate = silu(gate) * up (Shazeer 2020, SwiGLU). gate, up: (count) */
export function gateUp(gate: usize, up: usize, count: usize): void {
  const one = f32x4.splat(1);
  for (let k: usize = 0; k < count * 4; k += 16) {
    const x = v128.load(gate + k);
    const silu = f32x4.div(x, f32x4.add(one, exp4(f32x4.neg(x))));
    v128.store(gate + k, f32x4.mul(silu, v128.load(up + k)));
  }
}

/** to += from. to, from: (count) */
export function add(to: usize, from: usize, count: usize): void {
  for (let k: usize = 0; k < count * 4; k += 16) {
    v128.store(to + k, f32x4.add(v128.load(to + k), v128.load(from + k)));
  }
}

/** Sum of exp((logit - largest) * scale), joined in float64. logits: (count); what is left over by fours comes last. */
export function sumExp(logits: usize, count: usize, largest: f32, scale: f32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const whole = count & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const terms = termsAt(logits + i * 4, largest, scale);
    low = f64x2.add(low, f64x2.promote_low_f32x4(terms));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i32>(terms, terms, 2, 3, 2, 3)));
  }
  const lanes = f64x2.add(low, high);
  let sum = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  for (let i = whole; i < count; i++) {
    const term = exp4(f32x4.splat((load<f32>(logits + i * 4) - largest) * scale));
    sum += <f64>f32x4.extract_lane(term, 0);
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function termsAt(at: usize, largest: f32, scale: f32): v128 {
  return exp4(f32x4.mul(f32x4.sub(v128.load(at), f32x4.splat(largest)), f32x4.splat(scale)));
}
