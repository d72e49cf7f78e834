import type { LayerRole } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceRun } from '../checked-runs.ts';
import type { Work } from '../cpu/multiply.ts';
import { rotate } from '../cpu/rope.ts';
import type { LayerKv } from '../layer-kv.ts';
import type { AttentionRows } from './attention-rows.ts';
import { attend, type Computer, multiply } from './compute.ts';
import type { Heap } from './heap.ts';
import type { SequenceKv } from './kv-cache.ts';
import type { WasmMatrix } from './matrix.ts';
import type { Scratch } from './scratch.ts';

export type LayerWeights = Record<LayerRole, WasmMatrix>;

/** What all layers of a forward share; the hidden states are in the scratch, changed in place. */
export interface LayerInput extends Computer {
  heap: Heap;
  spec: ModelSpec;
  rows: number;
  runs: readonly SequenceRun[];
  /** (rows, ropeDim), see `rotations`. */
  rotations: Float64Array;
  scratch: Scratch;
}

/** One Llama decoder layer: hidden += attention(norm(hidden)); hidden += ffn(norm(hidden)). @throws AppError out-of-memory */
export function* decoderLayer(weights: LayerWeights, kv: LayerKv<SequenceKv>, input: LayerInput): Work {
  yield* projectRows(weights, input);
  yield* attend(input, openRuns(kv, input));
  const { kernels, spec, rows, scratch } = input;
  yield* multiply(input, scratch.attended, rows, [[weights.attn_output, scratch.delta]]);
  kernels.add(scratch.hidden, scratch.delta, rows * spec.dim);
  yield* feedForward(weights, input);
}

/** Queries, keys and values of all rows, turned to their positions. */
function* projectRows(weights: LayerWeights, input: LayerInput): Work {
  const { heap, kernels, spec, rows, rotations, scratch } = input;
  const { normed, queries, keys, values } = scratch;
  kernels.rmsNorm(scratch.hidden, weights.attn_norm.address, spec.dim, spec.rmsEps, rows, normed);
  yield* multiply(input, normed, rows, [
    [weights.attn_q, queries],
    [weights.attn_k, keys],
    [weights.attn_v, values],
  ]);
  rotate(spec, heap.floats(queries, rows * spec.nHeads * spec.headDim), spec.nHeads, rotations);
  rotate(spec, heap.floats(keys, rows * spec.nKvHeads * spec.headDim), spec.nKvHeads, rotations);
}

/** Keeps the runs' keys and values, and says what there is to attend to. @throws AppError out-of-memory */
function openRuns(kv: LayerKv<SequenceKv>, { heap, spec, runs, scratch }: LayerInput): AttentionRows[] {
  const { nHeads, nKvHeads, headDim } = spec;
  let blocksAt = scratch.kvBlocks;
  return runs.map(({ sequence, start, firstRow, rowCount }) => {
    const sequenceKv = kv.open(sequence);
    sequenceKv.append(scratch.keys, scratch.values, firstRow, rowCount);
    const { blocks } = sequenceKv;
    heap.words(blocksAt, blocks.length).set(blocks);
    const at = firstRow * nHeads * headDim * 4;
    const [queries, out, firstBlock] = [scratch.queries + at, scratch.attended + at, blocksAt];
    blocksAt += blocks.length * 4;
    return [queries, out, firstBlock, start + 1, rowCount, nHeads, nKvHeads, headDim, 0, nHeads];
  });
}

/** SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)). */
function* feedForward(weights: LayerWeights, input: LayerInput): Work {
  const { kernels, spec, rows, scratch } = input;
  const { hidden, normed, gate, up, delta } = scratch;
  kernels.rmsNorm(hidden, weights.ffn_norm.address, spec.dim, spec.rmsEps, rows, normed);
  yield* multiply(input, normed, rows, [
    [weights.ffn_gate, gate],
    [weights.ffn_up, up],
  ]);
  kernels.gateUp(gate, up, rows * spec.ffnDim);
  yield* multiply(input, gate, rows, [[weights.ffn_down, delta]]);
  kernels.add(hidden, delta, rows * spec.dim);
}
