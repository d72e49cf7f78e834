import type { LayerRole } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceRun } from '../checked-runs.ts';
import type { Work } from '../cpu/multiply.ts';
import { rotate } from '../cpu/rope.ts';
import type { LayerKv } from '../layer-kv.ts';
import type { Heap } from './heap.ts';
import type { Kernels } from './kernels.ts';
import type { SequenceKv } from './kv-cache.ts';
import type { WasmMatrix } from './matrix.ts';
import { multiply } from './multiply.ts';
import type { Scratch } from './scratch.ts';
import type { ThreadGroup } from './thread-group.ts';

export type LayerWeights = Record<LayerRole, WasmMatrix>;

/** What all layers of a forward share; the hidden states are in the scratch, changed in place. */
export interface LayerInput {
  heap: Heap;
  kernels: Kernels;
  threads: ThreadGroup | null;
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
  for (const run of input.runs) yield* attendRun(kv, run, input);
  const { kernels, spec, rows, scratch } = input;
  yield* multiply(input, weights.attn_output, scratch.attended, rows, scratch.delta);
  kernels.add(scratch.hidden, scratch.delta, rows * spec.dim);
  yield* feedForward(weights, input);
}

/** Queries, keys and values of all rows, turned to their positions. */
function* projectRows(weights: LayerWeights, input: LayerInput): Work {
  const { heap, kernels, spec, rows, rotations, scratch } = input;
  const { normed, queries, keys, values } = scratch;
  kernels.rmsNorm(scratch.hidden, weights.attn_norm.address, spec.dim, spec.rmsEps, rows, normed);
  yield* multiply(input, weights.attn_q, normed, rows, queries);
  yield* multiply(input, weights.attn_k, normed, rows, keys);
  yield* multiply(input, weights.attn_v, normed, rows, values);
  rotate(spec, heap.floats(queries, rows * spec.nHeads * spec.headDim), spec.nHeads, rotations);
  rotate(spec, heap.floats(keys, rows * spec.nKvHeads * spec.headDim), spec.nKvHeads, rotations);
}

function* attendRun(kv: LayerKv<SequenceKv>, run: SequenceRun, { heap, kernels, spec, scratch }: LayerInput): Work {
  const { nHeads, nKvHeads, headDim } = spec;
  const { start, firstRow, rowCount } = run;
  const sequenceKv = kv.open(run.sequence);
  sequenceKv.append(scratch.keys, scratch.values, firstRow, rowCount);
  const { blocks } = sequenceKv;
  heap.words(scratch.kvBlocks, blocks.length).set(blocks);
  for (let i = 0; i < rowCount; i++) {
    const at = (firstRow + i) * nHeads * headDim * 4;
    const length = start + i + 1;
    kernels.attend(
      scratch.queries + at,
      scratch.attended + at,
      scratch.kvBlocks,
      length,
      nHeads,
      nKvHeads,
      headDim,
      scratch.scores,
    );
    if (i % 8 === 7) yield;
  }
}

/** SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)). */
function* feedForward(weights: LayerWeights, input: LayerInput): Work {
  const { kernels, spec, rows, scratch } = input;
  const { hidden, normed, gate, up, delta } = scratch;
  kernels.rmsNorm(hidden, weights.ffn_norm.address, spec.dim, spec.rmsEps, rows, normed);
  yield* multiply(input, weights.ffn_gate, normed, rows, gate);
  yield* multiply(input, weights.ffn_up, normed, rows, up);
  kernels.gateUp(gate, up, rows * spec.ffnDim);
  yield* multiply(input, weights.ffn_down, gate, rows, delta);
  kernels.add(hidden, delta, rows * spec.dim);
}
