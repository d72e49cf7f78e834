import type { ByteSource } from '../../src/gguf/byte-source.ts';
import { readGgufHeader } from '../../src/gguf/header.ts';
import { llamaSpec } from '../../src/gguf/llama-spec.ts';
import { dequantize } from '../../src/gguf/quant.ts';
import { embeddingTensors, headTensors, layerTensors, type TensorSlice } from '../../src/gguf/shard-bytes.ts';
import type { TensorRole } from '../../src/gguf/weight-tensor.ts';
import { floatToHalf, halfToFloat } from '../../src/shared/model/float16.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';

interface Matrix {
  rows: number;
  columns: number;
  /** (rows, columns) */
  values: Float64Array;
}
type Weights = Record<TensorRole, Matrix>;

/** A llama model whose weights are the values that the file's blocks stand for. */
export interface Float64Model {
  spec: ModelSpec;
  embedding: Matrix;
  layers: Weights[];
  head: Weights;
}

export async function loadFloat64(source: ByteSource): Promise<Float64Model> {
  const header = await readGgufHeader(source);
  const spec = llamaSpec(header);
  const load = (slices: readonly TensorSlice[]) => expand(source, slices);
  const layers: Weights[] = [];
  for (let layer = 0; layer < spec.nLayers; layer++) layers.push(await load(layerTensors(header, layer)));
  const { token_embd: embedding } = await load(embeddingTensors(header));
  return { spec, embedding, layers, head: await load(headTensors(header)) };
}

async function expand(source: ByteSource, slices: readonly TensorSlice[]): Promise<Weights> {
  const weights: Partial<Weights> = {};
  for (const { role, type, rows, columns, start, end } of slices) {
    const values = new Float32Array(rows * columns);
    dequantize(type, await source.read(start, end), 0, values.length, values);
    weights[role] = { rows, columns, values: Float64Array.from(values) };
  }
  return weights as Weights;
}

/**
 * Logits after every token of a text, (tokens, vocabSize), with every step in float64, keys and values too: what all
 * engines round away from. With `halfKv` only keys and values are rounded, to half precision: no engine that keeps them so comes
 * closer but by luck. RMSNorm, RoPE on neighbouring pairs with the factors that stretch a context, grouped-query attention
 * and SwiGLU as in Touvron et al. 2023, "Llama 2".
 */
export function float64Logits(model: Float64Model, ids: readonly number[], { halfKv = false } = {}): Float64Array {
  const { spec, embedding, layers, head } = model;
  const kept = (vector: Float64Array) => (halfKv ? vector.map((value) => halfToFloat(floatToHalf(value))) : vector);
  const caches = layers.map(() => ({ keys: [] as Float64Array[], values: [] as Float64Array[] }));
  const logits = new Float64Array(ids.length * spec.vocabSize);
  for (const [position, id] of ids.entries()) {
    const hidden = embedding.values.slice(id * spec.dim, (id + 1) * spec.dim);
    for (const [i, weights] of layers.entries()) {
      const { keys, values } = caches[i]!;
      const normed = rmsNorm(hidden, weights.attn_norm, spec.rmsEps);
      const query = rotate(spec, multiply(weights.attn_q, normed), position);
      keys.push(kept(rotate(spec, multiply(weights.attn_k, normed), position)));
      values.push(kept(multiply(weights.attn_v, normed)));
      addTo(hidden, multiply(weights.attn_output, attention(spec, query, keys, values)));
      addTo(hidden, feedForward(weights, rmsNorm(hidden, weights.ffn_norm, spec.rmsEps)));
    }
    logits.set(multiply(head.output, rmsNorm(hidden, head.output_norm, spec.rmsEps)), position * spec.vocabSize);
  }
  return logits;
}

function feedForward(weights: Weights, normed: Float64Array): Float64Array {
  const gate = multiply(weights.ffn_gate, normed);
  const up = multiply(weights.ffn_up, normed);
  return multiply(
    weights.ffn_down,
    gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
  );
}

function attention(spec: ModelSpec, query: Float64Array, keys: Float64Array[], values: Float64Array[]): Float64Array {
  const { nHeads, nKvHeads, headDim } = spec;
  const out = new Float64Array(nHeads * headDim);
  for (let head = 0; head < nHeads; head++) {
    const from = head * headDim;
    const kvFrom = Math.floor((head * nKvHeads) / nHeads) * headDim;
    const weights = softmax(
      keys.map((key) => {
        let sum = 0;
        for (let i = 0; i < headDim; i++) sum += query[from + i]! * key[kvFrom + i]!;
        return sum / Math.sqrt(headDim);
      }),
    );
    for (const [t, weight] of weights.entries())
      for (let i = 0; i < headDim; i++) out[from + i]! += weight * values[t]![kvFrom + i]!;
  }
  return out;
}

function rotate(spec: ModelSpec, vector: Float64Array, position: number): Float64Array {
  const { headDim, ropeDim, ropeTheta, ropeFactors } = spec;
  for (let head = 0; head < vector.length; head += headDim) {
    for (let i = 0; i < ropeDim; i += 2) {
      const angle = (position * ropeTheta ** (-i / ropeDim)) / (ropeFactors?.[i / 2] ?? 1);
      const [a, b] = [vector[head + i]!, vector[head + i + 1]!];
      vector[head + i] = a * Math.cos(angle) - b * Math.sin(angle);
      vector[head + i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
    }
  }
  return vector;
}

function softmax(scores: number[]): number[] {
  const largest = Math.max(...scores);
  const exps = scores.map((score) => Math.exp(score - largest));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

function rmsNorm(vector: Float64Array, gain: Matrix, eps: number): Float64Array {
  const squares = vector.reduce((sum, value) => sum + value * value, 0);
  const scale = 1 / Math.sqrt(squares / vector.length + eps);
  return vector.map((value, i) => value * scale * gain.values[i]!);
}

function multiply({ rows, columns, values }: Matrix, vector: Float64Array): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0, at = row * columns; i < columns; i++, at++) sum += values[at]! * vector[i]!;
    out[row] = sum;
  }
  return out;
}

function addTo(sum: Float64Array, term: Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += term[i]!;
}
