import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { HALF_VALUES } from './half-values.ts';
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
    const kvStart = Math.floor((head * nKvHeads) / nHeads) * headDim;
    score(queries, start, headDim, kv, kvStart, weights);
    softmax(weights);
    mix(weights, headDim, kv, nKvHeads * headDim + kvStart, sums);
    out.set(sums, start);
  }
}

/** scores[t] = query . key[t] / sqrt(headDim) */
function score(
  queries: Float32Array,
  start: number,
  headDim: number,
  kv: SequenceKv,
  kvStart: number,
  scores: Float64Array,
): void {
  const halves = HALF_VALUES;
  const scale = 1 / Math.sqrt(headDim);
  for (let t = 0; t < scores.length; t++) {
    const block = kv.blockOf(t);
    const at = kv.offsetOf(t) + kvStart;
    let sum = 0;
    for (let i = 0; i < headDim; i++) sum += queries[start + i]! * halves[block[at + i]!]!;
    scores[t] = sum * scale;
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

/** out = sum over t of weights[t] * value[t]; `valueStart` is where a position's values of this head start. */
function mix(weights: Float64Array, headDim: number, kv: SequenceKv, valueStart: number, out: Float64Array): void {
  const halves = HALF_VALUES;
  out.fill(0);
  for (let t = 0; t < weights.length; t++) {
    const block = kv.blockOf(t);
    const at = kv.offsetOf(t) + valueStart;
    const weight = weights[t]!;
    for (let i = 0; i < headDim; i++) out[i]! += weight * halves[block[at + i]!]!;
  }
}
