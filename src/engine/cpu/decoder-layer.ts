import type { LayerRole } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceRun } from '../checked-runs.ts';
import type { LayerKv } from '../layer-kv.ts';
import { attend } from './attention.ts';
import type { SequenceKv } from './kv-cache.ts';
import type { Matrix } from './matrix.ts';
import { multiply, type Work } from './multiply.ts';
import { normWeight, rmsNorm } from './norm.ts';
import { rotate } from './rope.ts';

export type LayerWeights = Record<LayerRole, Matrix>;

/** Room for what a layer computes on the way, used again by the next layer. */
export interface Scratch {
  normed: Float32Array; // (rows, dim)
  queries: Float32Array; // (rows, nHeads * headDim)
  keys: Float32Array; // (rows, nKvHeads * headDim)
  values: Float32Array; // (rows, nKvHeads * headDim)
  attended: Float32Array; // (rows, nHeads * headDim)
  gate: Float32Array; // (rows, ffnDim)
  up: Float32Array; // (rows, ffnDim)
  delta: Float32Array; // (rows, dim)
}

export function scratchFor(spec: ModelSpec, rows: number): Scratch {
  const queryDim = spec.nHeads * spec.headDim;
  const kvDim = spec.nKvHeads * spec.headDim;
  return {
    normed: new Float32Array(rows * spec.dim),
    queries: new Float32Array(rows * queryDim),
    keys: new Float32Array(rows * kvDim),
    values: new Float32Array(rows * kvDim),
    attended: new Float32Array(rows * queryDim),
    gate: new Float32Array(rows * spec.ffnDim),
    up: new Float32Array(rows * spec.ffnDim),
    delta: new Float32Array(rows * spec.dim),
  };
}

/** What all layers of a forward share. */
export interface LayerInput {
  spec: ModelSpec;
  runs: readonly SequenceRun[];
  /** (rows, dim), changed in place. */
  hidden: Float32Array;
  /** (rows, ropeDim), see `rotations`. */
  rotations: Float64Array;
  scratch: Scratch;
}

/** One Llama decoder layer: hidden += attention(norm(hidden)); hidden += ffn(norm(hidden)). @throws AppError out-of-memory */
export function* decoderLayer(weights: LayerWeights, kv: LayerKv<SequenceKv>, input: LayerInput): Work {
  yield* attentionBlock(weights, kv, input);
  yield* feedForwardBlock(weights, input);
}

function* attentionBlock(
  weights: LayerWeights,
  kv: LayerKv<SequenceKv>,
  { spec, runs, hidden, rotations, scratch }: LayerInput,
): Work {
  const rows = hidden.length / spec.dim;
  rmsNorm(hidden, normWeight(weights.attn_norm), spec.rmsEps, rows, scratch.normed);
  yield* multiply(weights.attn_q, scratch.normed, rows, scratch.queries);
  yield* multiply(weights.attn_k, scratch.normed, rows, scratch.keys);
  yield* multiply(weights.attn_v, scratch.normed, rows, scratch.values);
  rotate(spec, scratch.queries, spec.nHeads, rotations);
  rotate(spec, scratch.keys, spec.nKvHeads, rotations);
  for (const { sequence, start, firstRow, rowCount } of runs) {
    const sequenceKv = kv.open(sequence);
    sequenceKv.append(scratch.keys, scratch.values, firstRow, rowCount);
    for (let i = 0; i < rowCount; i++) {
      attend(spec, scratch.queries, firstRow + i, sequenceKv, start + i, scratch.attended);
      if (i % 8 === 7) yield;
    }
  }
  yield* multiply(weights.attn_output, scratch.attended, rows, scratch.delta);
  addTo(hidden, scratch.delta);
}

/** SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)). */
function* feedForwardBlock(weights: LayerWeights, { spec, hidden, scratch }: LayerInput): Work {
  const rows = hidden.length / spec.dim;
  const { gate, up } = scratch;
  rmsNorm(hidden, normWeight(weights.ffn_norm), spec.rmsEps, rows, scratch.normed);
  yield* multiply(weights.ffn_gate, scratch.normed, rows, gate);
  yield* multiply(weights.ffn_up, scratch.normed, rows, up);
  for (let i = 0; i < gate.length; i++) gate[i] = (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!;
  yield* multiply(weights.ffn_down, gate, rows, scratch.delta);
  addTo(hidden, scratch.delta);
}

function addTo(hidden: Float32Array, delta: Float32Array): void {
  for (let i = 0; i < hidden.length; i++) hidden[i]! += delta[i]!;
}
