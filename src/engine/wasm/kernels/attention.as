import { exp4 } from './exponential';
import { fourSmallHalves } from './half';
import { join } from './lanes';

/** Positions in a block of keys and values; a power of two. */
const BLOCK_BITS: usize = 6;
const BLOCK_MASK: usize = 63;
/** `fourSmallHalves` leaves a factor of 2^112 to others: queries take 2^96 of it, as far as they cannot overflow. */
const QUERY_FACTOR: f32 = 79228162514264337593543950336.0; // 2^96
const SCORE_FACTOR: f32 = 65536; // 2^16
const WEIGHT_FACTOR: f32 = 5192296858534827628530496329220096.0; // 2^112

/**
 * Grouped-query attention (Ainslie et al. 2023) of one row that sees `length` positions.
 * query, out: (nHeads, headDim); `blocks`: addresses of blocks of 64 positions, each position kvDim keys, then kvDim values
 * in half precision; scores: room for `length` floats and three more.
 */
export function attend(
  query: usize,
  out: usize,
  blocks: usize,
  length: usize,
  nHeads: usize,
  nKvHeads: usize,
  headDim: usize,
  scores: usize,
): void {
  const kvBytes = nKvHeads * headDim * 2;
  for (let head: usize = 0; head < nHeads; head++) {
    const headBytes = ((head * nKvHeads) / nHeads) * headDim * 2;
    const at = head * headDim * 4;
    score(query + at, blocks, length, headDim, 2 * kvBytes, headBytes, scores, out + at);
    softmax(scores, length);
    mix(blocks, length, headDim, 2 * kvBytes, kvBytes + headBytes, scores, out + at);
  }
}

// @ts-ignore: decorator
@inline
function positionAt(blocks: usize, position: usize, strideBytes: usize): usize {
  return <usize>load<u32>(blocks + ((position >> BLOCK_BITS) << 2)) + (position & BLOCK_MASK) * strideBytes;
}

/** scores[t] = query . key[t] / sqrt(headDim); `scaled` is room for the query. */
// @ts-ignore: decorator
@inline
function score(
  query: usize,
  blocks: usize,
  length: usize,
  headDim: usize,
  strideBytes: usize,
  headBytes: usize,
  scores: usize,
  scaled: usize,
): void {
  for (let k: usize = 0; k < headDim * 4; k += 16) {
    v128.store(scaled + k, f32x4.mul(v128.load(query + k), f32x4.splat(QUERY_FACTOR)));
  }
  const scale = SCORE_FACTOR * (1 / sqrt<f32>(<f32>headDim));
  for (let t: usize = 0; t < length; t++) {
    const key = positionAt(blocks, t, strideBytes) + headBytes;
    let lanes = f32x4.splat(0);
    for (let i: usize = 0; i < headDim; i += 4) {
      lanes = f32x4.add(lanes, f32x4.mul(v128.load(scaled + i * 4), fourSmallHalves(key + i * 2)));
    }
    store<f32>(scores + t * 4, join(lanes) * scale);
  }
}

/** Turns scores into weights, which sum to WEIGHT_FACTOR. scores: (length), followed by room up to a multiple of four */
// @ts-ignore: decorator
@inline
function softmax(scores: usize, length: usize): void {
  let largest: f32 = -Infinity;
  for (let t: usize = 0; t < length; t++) largest = max(largest, load<f32>(scores + t * 4));
  const bytes = ((length + 3) & ~3) * 4;
  for (let t = length; t * 4 < bytes; t++) store<f32>(scores + t * 4, -Infinity);
  let lanes = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const terms = exp4(f32x4.sub(v128.load(scores + k), f32x4.splat(largest)));
    v128.store(scores + k, terms);
    lanes = f32x4.add(lanes, terms);
  }
  const scale = f32x4.splat(WEIGHT_FACTOR / join(lanes));
  for (let k: usize = 0; k < bytes; k += 16) v128.store(scores + k, f32x4.mul(v128.load(scores + k), scale));
}

/** out = sum over t of weights[t] * value[t], in the order of positions; sixteen dimensions at a time where there are so many. */
// @ts-ignore: decorator
@inline
function mix(
  blocks: usize,
  length: usize,
  headDim: usize,
  strideBytes: usize,
  headBytes: usize,
  weights: usize,
  out: usize,
): void {
  let i: usize = 0;
  for (; i + 16 <= headDim; i += 16) {
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (let t: usize = 0; t < length; t++) {
      const value = positionAt(blocks, t, strideBytes) + headBytes + i * 2;
      const weight = v128.load32_splat(weights + t * 4);
      sum0 = f32x4.add(sum0, f32x4.mul(weight, fourSmallHalves(value)));
      sum1 = f32x4.add(sum1, f32x4.mul(weight, fourSmallHalves(value + 8)));
      sum2 = f32x4.add(sum2, f32x4.mul(weight, fourSmallHalves(value + 16)));
      sum3 = f32x4.add(sum3, f32x4.mul(weight, fourSmallHalves(value + 24)));
    }
    v128.store(out + i * 4, sum0);
    v128.store(out + i * 4, sum1, 16);
    v128.store(out + i * 4, sum2, 32);
    v128.store(out + i * 4, sum3, 48);
  }
  for (; i < headDim; i += 4) {
    let sum = f32x4.splat(0);
    for (let t: usize = 0; t < length; t++) {
      const value = positionAt(blocks, t, strideBytes) + headBytes + i * 2;
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + t * 4), fourSmallHalves(value)));
    }
    v128.store(out + i * 4, sum);
  }
}
