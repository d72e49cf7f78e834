import type { QuantType } from '../gguf/quant.ts';
import type { TensorRole } from '../gguf/weight-tensor.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';

export interface TensorShape {
  /** Output rows; 1 for a norm. */
  rows: number;
  /** Input columns, the fastest dimension. */
  columns: number;
}

/** Weight format of each role in a model's layers, head and embedding. */
export type TensorTypes = Record<TensorRole, QuantType>;

/** Every matrix in one format, the norms in F32, as converters write them. */
export function uniformTypes(type: QuantType): TensorTypes {
  return {
    attn_norm: 'F32',
    attn_q: type,
    attn_k: type,
    attn_v: type,
    attn_output: type,
    ffn_norm: 'F32',
    ffn_gate: type,
    ffn_up: type,
    ffn_down: type,
    output_norm: 'F32',
    output: type,
    token_embd: type,
  };
}

/** The formats that a file uses, from one layer's tensors, the head's and the embedding's. */
export function typesOf(tensors: Iterable<{ role: TensorRole; type: QuantType }>): TensorTypes {
  return Object.fromEntries(Array.from(tensors, ({ role, type }) => [role, type])) as TensorTypes;
}

/** Shape that a role has in a model of this spec (GGUF specification, `llama` architecture). */
export function tensorShape(spec: ModelSpec, role: TensorRole): TensorShape {
  const { dim, ffnDim, vocabSize } = spec;
  const queryDim = spec.nHeads * spec.headDim;
  const kvDim = spec.nKvHeads * spec.headDim;
  switch (role) {
    case 'attn_norm':
    case 'ffn_norm':
    case 'output_norm':
      return { rows: 1, columns: dim };
    case 'attn_q':
      return { rows: queryDim, columns: dim };
    case 'attn_k':
    case 'attn_v':
      return { rows: kvDim, columns: dim };
    case 'attn_output':
      return { rows: dim, columns: queryDim };
    case 'ffn_gate':
    case 'ffn_up':
      return { rows: ffnDim, columns: dim };
    case 'ffn_down':
      return { rows: dim, columns: ffnDim };
    case 'output':
    case 'token_embd':
      return { rows: vocabSize, columns: dim };
  }
}
