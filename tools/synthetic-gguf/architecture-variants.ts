import type { SyntheticOptions } from './synthetic-gguf.ts';

const SMALL = { dim: 64, nLayers: 2, nHeads: 4, nKvHeads: 4, ffnDim: 96, vocabSize: 300, contextLength: 512, ropeTheta: 10_000 };
const small = { ...SMALL, tokenizer: 'sentencepiece' as const };

/** Small files, one for each way in which llama models differ and one of mixed formats, to be compared with llama.cpp. */
export const ARCHITECTURE_VARIANTS: readonly SyntheticOptions[] = [
  { name: 'plain', shape: small, format: 'F32' },
  { name: 'grouped-8-to-1-tied', shape: { ...small, nHeads: 8, nKvHeads: 1, tied: true }, format: 'F32' },
  { name: 'grouped-3-to-1-odd-width', shape: { ...small, dim: 96, nHeads: 9, nKvHeads: 3, headDim: 32 }, format: 'F32' },
  { name: 'narrow-heads', shape: { ...small, nHeads: 4, headDim: 8 }, format: 'F32' },
  { name: 'linear-rope', shape: { ...small, ropeScale: 4 }, format: 'F32' },
  {
    name: 'llama-3-rope',
    shape: { ...small, nKvHeads: 2, ropeTheta: 500_000, originalContext: 32, tied: true, tokenizer: 'byte-level' },
    format: 'F32',
  },
  {
    name: 'mixed-q4-k-and-q6-k',
    shape: { ...small, dim: 256, nLayers: 3, nKvHeads: 2, ffnDim: 512 },
    format: 'Q4_K_M',
  },
];

export const VARIANT_TOKENS: readonly number[] = Array.from({ length: 48 }, (_, i) => 3 + ((i * 89 + 7) % 290));
