import { HEAD_TOP, type HeadAsk, type HeadRow } from '../../shared/model/head-row.ts';
import type { Work } from '../cpu/multiply.ts';
import { topIds } from '../cpu/top-logits.ts';
import { multiply } from './compute.ts';
import type { LayerInput } from './decoder-layer.ts';
import type { Heap } from './heap.ts';
import type { Address, Kernels } from './kernels.ts';
import type { WasmMatrix } from './matrix.ts';

export interface HeadWeights {
  output_norm: WasmMatrix;
  output: WasmMatrix;
}

/** Final norm, output matrix, and what the source needs to sample, of the asked rows of the hidden states. */
export function* runHead(weights: HeadWeights, input: LayerInput, asks: readonly HeadAsk[]): Work<HeadRow[]> {
  const { heap, kernels, spec, scratch } = input;
  const { dim, vocabSize } = spec;
  for (const [i, { row }] of asks.entries()) {
    const from = scratch.hidden + row * dim * 4;
    kernels.rmsNorm(from, weights.output_norm.address, dim, spec.rmsEps, 1, scratch.normed + i * dim * 4);
  }
  yield* multiply(input, scratch.normed, asks.length, [[weights.output, scratch.logits]]);
  const reply: HeadRow[] = [];
  for (const [i, ask] of asks.entries()) {
    reply.push(describeRow(heap, kernels, scratch.logits + i * vocabSize * 4, vocabSize, ask));
    yield;
  }
  return reply;
}

function describeRow(
  heap: Heap,
  kernels: Kernels,
  address: Address,
  vocabSize: number,
  { wantIds, fullRow, invTemperature }: HeadAsk,
): HeadRow {
  const logits = heap.floats(address, vocabSize);
  const top = topIds(logits, HEAD_TOP);
  const largest = logits[top[0]!]!;
  const logSumExp = (scale: number) => largest * scale + Math.log(kernels.sumExp(address, vocabSize, largest, scale));
  return {
    logSumExp: logSumExp(1),
    scaledLogSumExp: logSumExp(invTemperature),
    topIds: top,
    topLogits: Float32Array.from(top, (id) => logits[id]!),
    wantLogits: Float32Array.from(wantIds, (id) => logits[id]!),
    logits: fullRow ? logits.slice() : null,
  };
}
