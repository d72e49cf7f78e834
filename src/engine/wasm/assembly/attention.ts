import { exp4 } from './exponential';
import { join, joinFour } from './lanes';

/** Positions in a block of keys and values; a power of two. */
const BLOCK_BITS: usize = 6;
const BLOCK_POSITIONS: usize = 64;
/**
 * Exponents below which a weight is 0: beside the largest weight, whose exponent is 0, it is lost in rounding, and products
 * with it might be subnormal, which processors take some hundred cycles for.
 */
const LEAST_EXPONENT: f32 = -45;

/**
 * Grouped-query attention (Ainslie et al. 2023) of one row that sees `length` positions, for heads from `firstHead` to `endHead`.
 * query, out: (nHeads, headDim); `blocks`: addresses of blocks of 64 positions, which hold 16-bit integers, (keys then values,
 * nKvHeads, positions, headDim), and then a float for each vector that its integers are multiplied by, (keys then values,
 * nKvHeads, positions); scores: room for `length` floats and three more.
 */
export function attend(
  query: usize,
  out: usize,
  blocks: usize,
  length: usize,
  nHeads: usize,
  nKvHeads: usize,
  headDim: usize,
  firstHead: usize,
  endHead: usize,
  scores: usize,
): void {
  const factor: f32 = 1 / sqrt<f32>(<f32>headDim);
  const vectorsBytes = (headDim * 2) << BLOCK_BITS;
  const scalesAt = 2 * nKvHeads * vectorsBytes;
  for (let head = firstHead; head < endHead; head++) {
    const keys = (head * nKvHeads) / nHeads;
    const values = nKvHeads + keys;
    const at = head * headDim * 4;
    score(query + at, blocks, length, headDim, keys * vectorsBytes, scores);
    scaleEach(blocks, length, scalesAt + keys * BLOCK_POSITIONS * 4, factor, scores);
    softmax(scores, length);
    scaleEach(blocks, length, scalesAt + values * BLOCK_POSITIONS * 4, 1, scores);
    mix(blocks, length, headDim, values * vectorsBytes, scores, out + at);
  }
}

// @ts-ignore: decorator
@inline
function fourIntegers(at: usize): v128 {
  return f32x4.convert_i32x4_s(v128.load16x4_s(at));
}

/**
 * scores[t] = query . integers of key[t]. Four positions at a time, as a sum waits for itself; the last four may be beyond
 * `length`, within their block.
 */
// @ts-ignore: decorator
@inline
function score(query: usize, blocks: usize, length: usize, headDim: usize, keysAt: usize, scores: usize): void {
  const keyBytes = headDim * 2;
  for (let first: usize = 0; first < length; first += BLOCK_POSITIONS, blocks += 4) {
    const end = scores + min(length - first, BLOCK_POSITIONS) * 4;
    let key = <usize>load<u32>(blocks) + keysAt;
    for (let to = scores; to < end; to += 16, key += 4 * keyBytes) {
      let lanes0 = f32x4.splat(0);
      let lanes1 = f32x4.splat(0);
      let lanes2 = f32x4.splat(0);
      let lanes3 = f32x4.splat(0);
      for (let i: usize = 0; i < keyBytes; i += 8) {
        const four = v128.load(query + i * 2);
        lanes0 = f32x4.add(lanes0, f32x4.mul(four, fourIntegers(key + i)));
        lanes1 = f32x4.add(lanes1, f32x4.mul(four, fourIntegers(key + keyBytes + i)));
        lanes2 = f32x4.add(lanes2, f32x4.mul(four, fourIntegers(key + 2 * keyBytes + i)));
        lanes3 = f32x4.add(lanes3, f32x4.mul(four, fourIntegers(key + 3 * keyBytes + i)));
      }
      v128.store(to, joinFour(lanes0, lanes1, lanes2, lanes3));
    }
    scores += BLOCK_POSITIONS * 4;
  }
}

/** scores[t] *= scale of vector[t] * factor, in fours as `score` */
// @ts-ignore: decorator
@inline
function scaleEach(blocks: usize, length: usize, scalesAt: usize, factor: f32, scores: usize): void {
  const factors = f32x4.splat(factor);
  for (let first: usize = 0; first < length; first += BLOCK_POSITIONS, blocks += 4) {
    const bytes = min(length - first, BLOCK_POSITIONS) * 4;
    const scales = <usize>load<u32>(blocks) + scalesAt;
    for (let k: usize = 0; k < bytes; k += 16) {
      v128.store(scores + k, f32x4.mul(v128.load(scores + k), f32x4.mul(v128.load(scales + k), factors)));
    }
    scores += BLOCK_POSITIONS * 4;
  }
}

/** Turns scores into weights, which sum to 1. scores: (length), followed by room up to a multiple of four */
// @ts-ignore: decorator
@inline
function softmax(scores: usize, length: usize): void {
  const bytes = ((length + 3) & ~3) * 4;
  for (let t = length; t * 4 < bytes; t++) store<f32>(scores + t * 4, -Infinity);
  let largest = f32x4.splat(-Infinity);
  for (let k: usize = 0; k < bytes; k += 16) largest = f32x4.max(largest, v128.load(scores + k));
  largest = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 1, 0, 3, 2));
  let lanes = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const exponents = f32x4.sub(v128.load(scores + k), largest);
    const terms = v128.and(exp4(exponents), f32x4.ge(exponents, f32x4.splat(LEAST_EXPONENT)));
    v128.store(scores + k, terms);
    lanes = f32x4.add(lanes, terms);
  }
  const scale = f32x4.splat(1 / join(lanes));
  for (let k: usize = 0; k < bytes; k += 16) v128.store(scores + k, f32x4.mul(v128.load(scores + k), scale));
}

/** out = sum over t of weights[t] * integers of value[t], in the order of positions; sixteen dimensions at a time where there are so many. */
// @ts-ignore: decorator
@inline
function mix(blocks: usize, length: usize, headDim: usize, valuesAt: usize, weights: usize, out: usize): void {
  let i: usize = 0;
  for (; i + 16 <= headDim; i += 16) {
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (let first: usize = 0; first < length; first += BLOCK_POSITIONS) {
      let value = <usize>load<u32>(blocks + (first >> (BLOCK_BITS - 2))) + valuesAt + i * 2;
      const end = weights + min(length, first + BLOCK_POSITIONS) * 4;
      for (let from = weights + first * 4; from < end; from += 4, value += headDim * 2) {
        const weight = v128.load32_splat(from);
        sum0 = f32x4.add(sum0, f32x4.mul(weight, fourIntegers(value)));
        sum1 = f32x4.add(sum1, f32x4.mul(weight, fourIntegers(value + 8)));
        sum2 = f32x4.add(sum2, f32x4.mul(weight, fourIntegers(value + 16)));
        sum3 = f32x4.add(sum3, f32x4.mul(weight, fourIntegers(value + 24)));
      }
    }
    v128.store(out + i * 4, sum0);
    v128.store(out + i * 4, sum1, 16);
    v128.store(out + i * 4, sum2, 32);
    v128.store(out + i * 4, sum3, 48);
  }
  for (; i < headDim; i += 4) {
    let sum = f32x4.splat(0);
    for (let t: usize = 0; t < length; t++) {
      const block = <usize>load<u32>(blocks + ((t >> BLOCK_BITS) << 2));
      const value = block + valuesAt + ((t & (BLOCK_POSITIONS - 1)) * headDim + i) * 2;
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + t * 4), fourIntegers(value)));
    }
    v128.store(out + i * 4, sum);
  }
}
