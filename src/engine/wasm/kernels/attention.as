import { exp4 } from './exponential';
import { join } from './lanes';

/** Positions in a block of keys and values; a power of two. */
const BLOCK_BITS: usize = 6;
const BLOCK_MASK: usize = 63;

/**
 * Grouped-query attention (Ainslie et al. 2023) of one row that sees `length` positions.
 * query, out: (nHeads, headDim); `blocks`: addresses of blocks of 64 positions, which hold 16-bit integers, (positions, keys
 * then values, nKvHeads, headDim), and then a float for each vector that its integers are multiplied by; scores: room for
 * `length` floats and three more.
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
  const scale: f32 = 1 / sqrt<f32>(<f32>headDim);
  for (let head: usize = 0; head < nHeads; head++) {
    const kvHead = (head * nKvHeads) / nHeads;
    const at = head * headDim * 4;
    score(query + at, blocks, length, headDim, 2 * nKvHeads, kvHead, scores);
    scaleEach(blocks, length, headDim, 2 * nKvHeads, kvHead, scores, scale);
    softmax(scores, length);
    scaleEach(blocks, length, headDim, 2 * nKvHeads, nKvHeads + kvHead, scores, 1);
    mix(blocks, length, headDim, 2 * nKvHeads, nKvHeads + kvHead, scores, out + at);
  }
}

// @ts-ignore: decorator
@inline
function blockOf(blocks: usize, position: usize): usize {
  return <usize>load<u32>(blocks + ((position >> BLOCK_BITS) << 2));
}

/** Where the integers of a vector are: number `vector` of `vectors` of the position. */
// @ts-ignore: decorator
@inline
function integersAt(blocks: usize, position: usize, headDim: usize, vectors: usize, vector: usize): usize {
  return blockOf(blocks, position) + ((position & BLOCK_MASK) * vectors + vector) * headDim * 2;
}

// @ts-ignore: decorator
@inline
function fourIntegers(at: usize): v128 {
  return f32x4.convert_i32x4_s(v128.load16x4_s(at));
}

/** scores[t] = query . integers of key[t] */
// @ts-ignore: decorator
@inline
function score(
  query: usize,
  blocks: usize,
  length: usize,
  headDim: usize,
  vectors: usize,
  vector: usize,
  scores: usize,
): void {
  for (let t: usize = 0; t < length; t++) {
    const key = integersAt(blocks, t, headDim, vectors, vector);
    let lanes = f32x4.splat(0);
    for (let i: usize = 0; i < headDim; i += 4) {
      lanes = f32x4.add(lanes, f32x4.mul(v128.load(query + i * 4), fourIntegers(key + i * 2)));
    }
    store<f32>(scores + t * 4, join(lanes));
  }
}

/** scores[t] *= scale of vector[t] * factor */
// @ts-ignore: decorator
@inline
function scaleEach(
  blocks: usize,
  length: usize,
  headDim: usize,
  vectors: usize,
  vector: usize,
  scores: usize,
  factor: f32,
): void {
  const integersBytes = vectors * headDim * 2 << BLOCK_BITS;
  for (let t: usize = 0; t < length; t++) {
    const scale = blockOf(blocks, t) + integersBytes + ((t & BLOCK_MASK) * vectors + vector) * 4;
    store<f32>(scores + t * 4, load<f32>(scores + t * 4) * (load<f32>(scale) * factor));
  }
}

/** Turns scores into weights, which sum to 1. scores: (length), followed by room up to a multiple of four */
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
  const scale = f32x4.splat(1 / join(lanes));
  for (let k: usize = 0; k < bytes; k += 16) v128.store(scores + k, f32x4.mul(v128.load(scores + k), scale));
}

/** out = sum over t of weights[t] * integers of value[t], in the order of positions; sixteen dimensions at a time where there are so many. */
// @ts-ignore: decorator
@inline
function mix(
  blocks: usize,
  length: usize,
  headDim: usize,
  vectors: usize,
  vector: usize,
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
      const value = integersAt(blocks, t, headDim, vectors, vector) + i * 2;
      const weight = v128.load32_splat(weights + t * 4);
      sum0 = f32x4.add(sum0, f32x4.mul(weight, fourIntegers(value)));
      sum1 = f32x4.add(sum1, f32x4.mul(weight, fourIntegers(value + 8)));
      sum2 = f32x4.add(sum2, f32x4.mul(weight, fourIntegers(value + 16)));
      sum3 = f32x4.add(sum3, f32x4.mul(weight, fourIntegers(value + 24)));
    }
    v128.store(out + i * 4, sum0);
    v128.store(out + i * 4, sum1, 16);
    v128.store(out + i * 4, sum2, 32);
    v128.store(out + i * 4, sum3, 48);
  }
  for (; i < headDim; i += 4) {
    let sum = f32x4.splat(0);
    for (let t: usize = 0; t < length; t++) {
      const value = integersAt(blocks, t, headDim, vectors, vector) + i * 2;
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + t * 4), fourIntegers(value)));
    }
    v128.store(out + i * 4, sum);
  }
}
