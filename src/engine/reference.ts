import { dequantize, rowBytes } from '../gguf/quant.ts';
import type { TensorRole, WeightTensor } from '../gguf/weight-tensor.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';

/**
 * A whole Llama model in float64 and in the plainest words we have (Touvron et al. 2023, "Llama 2", and the papers it
 * builds on). A test aid: engines are compared with it. Only keys and values are rounded, as the engine in question does.
 */
type Vector = number[];
type Matrix = Vector[];
type Weights = Record<TensorRole, Matrix>;

/** Not at all, or to 16-bit integers times the 32,767th part of the largest of each head. */
export type KvRounding = 'none' | 'integers';

export interface ReferenceModel {
  spec: ModelSpec;
  embedding: Matrix;
  layers: Weights[];
  head: Weights;
}

export interface ReferenceSource {
  layers: AsyncIterable<WeightTensor>[];
  embedding: AsyncIterable<WeightTensor>;
  head: AsyncIterable<WeightTensor>;
}

export async function loadReference(spec: ModelSpec, source: ReferenceSource): Promise<ReferenceModel> {
  const layers: Weights[] = [];
  for (const tensors of source.layers) layers.push(await expand(tensors));
  return { spec, layers, embedding: (await expand(source.embedding)).token_embd, head: await expand(source.head) };
}

async function expand(tensors: AsyncIterable<WeightTensor>): Promise<Weights> {
  const weights: Partial<Weights> = {};
  for await (const { role, type, rows, columns, bytes } of tensors) {
    const bytesPerRow = rowBytes(type, columns);
    weights[role] = Array.from({ length: rows }, (_, row) => {
      const values = new Float32Array(columns);
      dequantize(type, bytes, row * bytesPerRow, columns, values);
      return Array.from(values);
    });
  }
  return weights as Weights;
}

/** Logits after each token of one sequence, (tokens, vocabSize). */
export function referenceLogits(model: ReferenceModel, tokens: readonly number[], kvRounding: KvRounding): Matrix {
  const caches = model.layers.map(() => ({ keys: [] as Matrix, values: [] as Matrix, kvRounding }));
  return tokens.map((token, position) => {
    let hidden = model.embedding[token]!;
    model.layers.forEach((weights, layer) => {
      hidden = decoderLayer(model.spec, weights, caches[layer]!, hidden, position);
    });
    return multiply(model.head.output, rmsNorm(hidden, model.head.output_norm[0]!, model.spec.rmsEps));
  });
}

function decoderLayer(
  spec: ModelSpec,
  weights: Weights,
  cache: { keys: Matrix; values: Matrix; kvRounding: KvRounding },
  hidden: Vector,
  position: number,
): Vector {
  const normed = rmsNorm(hidden, weights.attn_norm[0]!, spec.rmsEps);
  const queries = rotateHeads(spec, multiply(weights.attn_q, normed), position);
  const kept = (vector: Vector) => rounded(vector, cache.kvRounding, spec.headDim);
  cache.keys.push(kept(rotateHeads(spec, multiply(weights.attn_k, normed), position)));
  cache.values.push(kept(multiply(weights.attn_v, normed)));
  const attended = add(hidden, multiply(weights.attn_output, attention(spec, queries, cache.keys, cache.values)));

  const ffnInput = rmsNorm(attended, weights.ffn_norm[0]!, spec.rmsEps);
  const gate = multiply(weights.ffn_gate, ffnInput);
  const up = multiply(weights.ffn_up, ffnInput);
  const swiglu = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
  return add(attended, multiply(weights.ffn_down, swiglu));
}

function attention(spec: ModelSpec, queries: Vector, keys: Matrix, values: Matrix): Vector {
  const { nHeads, nKvHeads, headDim } = spec;
  const out: Vector = [];
  for (let head = 0; head < nHeads; head++) {
    const kvStart = Math.floor((head * nKvHeads) / nHeads) * headDim;
    const query = queries.slice(head * headDim, (head + 1) * headDim);
    const scores = keys.map((key) => dot(query, key.slice(kvStart, kvStart + headDim)) / Math.sqrt(headDim));
    const weights = softmax(scores);
    for (let i = 0; i < headDim; i++) out.push(weights.reduce((sum, weight, t) => sum + weight * values[t]![kvStart + i]!, 0));
  }
  return out;
}

/** Su et al. 2021, "RoFormer", on the pairs (0, 1), (2, 3), ... of the first `ropeDim` dimensions of each head. */
function rotateHeads(spec: ModelSpec, vector: Vector, position: number): Vector {
  const out = vector.slice();
  for (let start = 0; start < vector.length; start += spec.headDim) {
    for (let i = 0; i < spec.ropeDim; i += 2) {
      const angle = (position * spec.ropeTheta ** (-i / spec.ropeDim)) / (spec.ropeFactors?.[i / 2] ?? 1);
      const a = vector[start + i]!;
      const b = vector[start + i + 1]!;
      out[start + i] = a * Math.cos(angle) - b * Math.sin(angle);
      out[start + i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
    }
  }
  return out;
}

function rmsNorm(vector: Vector, weight: Vector, eps: number): Vector {
  const scale = 1 / Math.sqrt(dot(vector, vector) / vector.length + eps);
  return vector.map((value, i) => value * scale * weight[i]!);
}

function softmax(scores: Vector): Vector {
  const largest = Math.max(...scores);
  const exps = scores.map((score) => Math.exp(score - largest));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

function multiply(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => dot(row, vector));
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function add(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value + b[i]!);
}

function rounded(vector: Vector, kvRounding: KvRounding, headDim: number): Vector {
  if (kvRounding === 'none') return vector;
  return vector.map((value, i) => {
    const head = i - (i % headDim);
    const scale = Math.fround(Math.max(...vector.slice(head, head + headDim).map(Math.abs)) / 32_767);
    return Math.round(value / scale) * scale;
  });
}
