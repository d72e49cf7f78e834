import { HEAD_TOP, type HeadAsk, type HeadRow } from '../../shared/model/head-row.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { Matrix } from './matrix.ts';
import { multiply, type Work } from './multiply.ts';
import { normWeight, rmsNorm } from './norm.ts';
import { topIds } from './top-logits.ts';

export interface HeadWeights {
  output_norm: Matrix;
  output: Matrix;
}

/** Final norm, output matrix, and what the source needs to sample. hidden: (rows, dim). */
export function* runHead(spec: ModelSpec, weights: HeadWeights, hidden: Float32Array, asks: readonly HeadAsk[]): Work<HeadRow[]> {
  const { dim, vocabSize } = spec;
  const count = asks.length;
  const normed = new Float32Array(count * dim);
  for (const [i, { row }] of asks.entries()) normed.set(hidden.subarray(row * dim, (row + 1) * dim), i * dim);
  rmsNorm(normed, normWeight(weights.output_norm), spec.rmsEps, count, normed);
  const logits = new Float32Array(count * vocabSize);
  yield* multiply(weights.output, normed, count, logits);
  const reply: HeadRow[] = [];
  for (const [i, ask] of asks.entries()) {
    reply.push(describeHeadRow(logits.slice(i * vocabSize, (i + 1) * vocabSize), ask));
    yield;
  }
  return reply;
}

/** What the source needs of one row of logits, (vocabSize). */
export function describeHeadRow(logits: Float32Array, { wantIds, fullRow, invTemperature }: HeadAsk): HeadRow {
  const top = topIds(logits, HEAD_TOP);
  const largest = logits[top[0]!]!;
  return {
    logSumExp: logSumExp(logits, largest, 1),
    scaledLogSumExp: logSumExp(logits, largest, invTemperature),
    topIds: top,
    topLogits: Float32Array.from(top, (id) => logits[id]!),
    wantLogits: Float32Array.from(wantIds, (id) => logits[id]!),
    logits: fullRow ? logits : null,
  };
}

function logSumExp(logits: Float32Array, largest: number, scale: number): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - largest) * scale);
  return largest * scale + Math.log(sum);
}
