import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceKv } from './kv-cache.ts';

/**
 * Grouped-query attention (Ainslie et al. 2023) of one row at `position`, which sees the positions up to its own.
 * queries, out: (rows, nHeads * headDim), of which row `row` is read and written.
 */
export function attend(
  spec: ModelSpec,
  queries: Float32Array,
  row: number,
  kv: SequenceKv,
  position: number,
  out: Float32Array,
): void {
  const { nHeads, nKvHeads, headDim } = spec;
  const weights = new Float64Array(position + 1);
  const sums = new Float64Array(headDim);
  for (let head = 0; head < nHeads; head++) {
    const start = (row * nHeads + head) * headDim;
    const kvHead = Math.floor((head * nKvHeads) / nHeads);
    score(queries, start, headDim, kv, kvHead, weights);
    softmax(weights);
    mix(weights, headDim, kv, nKvHeads + kvHead, sums);
    out.set(sums, start);
  }
}

/** scores[t] = query . key[t] / sqrt(headDim); `key` counts the vectors of a position. */
function score(queries: Float32Array, start: number, headDim: number, kv: SequenceKv, key: number, scores: Float64Array): void {
  for (let t = 0; t < scores.length; t++) {
    const { integers, scales } = kv.blockOf(t);
    const vector = kv.firstVectorOf(t) + key;
    const at = vector * headDim;
    let sum = 0;
    for (let i = 0; i < headDim; i++) sum += queries[start + i]! * integers[at + i]!;
    scores[t] = (sum * scales[vector]!) / Math.sqrt(headDim);
  }
}

function softmax(scores: Float64Array): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const score of scores) largest = Math.max(largest, score);
  let sum = 0;
  for (let t = 0; t < scores.length; t++) {
    scores[t] = Math.exp(scores[t]! - largest);
    sum += scores[t]!;
  }
  for (let t = 0; t < scores.length; t++) scores[t]! /= sum;
}

/** out = sum over t of weights[t] * value[t]; `value` counts the vectors of a position. */
function mix(weights: Float64Array, headDim: number, kv: SequenceKv, value: number, out: Float64Array): void {
  out.fill(0);
  for (let t = 0; t < weights.length; t++) {
    const { integers, scales } = kv.blockOf(t);
    const vector = kv.firstVectorOf(t) + value;
    const at = vector * headDim;
    const weight = weights[t]! * scales[vector]!;
    for (let i = 0; i < headDim; i++) out[i]! += weight * integers[at + i]!;
  }
}
