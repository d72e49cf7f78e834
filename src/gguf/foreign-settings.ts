import type { Metadata, MetadataValue } from './metadata.ts';

/** A setting that other families have, and the values with which a model computes what it computes without it. */
interface ForeignSetting {
  /** Without the architecture before it. */
  key: string;
  neutral: readonly MetadataValue[];
  /** What the model does, for messages. */
  does: string;
}

/** By the names of llama.cpp, whose writers also put the neutral values into files. */
const FOREIGN_SETTINGS: readonly ForeignSetting[] = [
  { key: 'attn_logit_softcapping', neutral: [0], does: 'caps its attention scores' },
  { key: 'final_logit_softcapping', neutral: [0], does: 'caps its logits' },
  { key: 'attention.causal', neutral: [true], does: 'lets tokens see those after them' },
  { key: 'attention.scale', neutral: [0], does: 'scales its attention scores in its own way' },
  { key: 'attention.clamp_kqv', neutral: [0], does: 'clamps queries, keys and values' },
  { key: 'attention.max_alibi_bias', neutral: [0], does: 'adds ALiBi to its attention scores' },
  { key: 'attention.temperature_scale', neutral: [0], does: 'scales its attention by position' },
  { key: 'rope.scaling.attn_factor', neutral: [1], does: 'scales what RoPE turns' },
  { key: 'embedding_scale', neutral: [0, 1], does: 'scales its embeddings' },
  { key: 'residual_scale', neutral: [0, 1], does: 'scales what its layers add' },
  { key: 'logit_scale', neutral: [0, 1], does: 'scales its logits' },
];

/** What a file's settings ask for beyond a plain llama model, with key and value; null when there is nothing. */
export function foreignSetting(metadata: Metadata): string | null {
  for (const { key, neutral, does } of FOREIGN_SETTINGS) {
    const value = metadata.get(`llama.${key}`);
    if (value !== undefined && !neutral.includes(value))
      return `the model ${does} (llama.${key} is ${String(value).slice(0, 40)})`;
  }
  return null;
}
