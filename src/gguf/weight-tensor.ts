import type { QuantType } from './quant.ts';

/** What a tensor is for; names follow GGUF without the `blk.N.` prefix and the `.weight` suffix. */
export const LAYER_ROLES = [
  'attn_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_norm',
  'ffn_gate',
  'ffn_up',
  'ffn_down',
] as const;
export const HEAD_ROLES = ['output_norm', 'output'] as const;
export const EMBEDDING_ROLES = ['token_embd'] as const;

export type LayerRole = (typeof LAYER_ROLES)[number];
export type TensorRole = LayerRole | (typeof HEAD_ROLES)[number] | (typeof EMBEDDING_ROLES)[number];

/** One tensor, or some rows of a large one, with its bytes as they are in the file. */
export interface WeightTensor {
  /** For a tied head, `token_embd.weight` arrives with the role `output`. */
  role: TensorRole;
  type: QuantType;
  /** Output rows that are here; 1 for a norm. */
  rows: number;
  /** Where these rows begin within the tensor; absent when they are all of it. */
  firstRow?: number;
  /** Input columns: the fastest dimension, a whole number of blocks. */
  columns: number;
  bytes: Uint8Array;
}
