/** What a llama model's file says of its shape. */
export interface ModelShape {
  dim: number;
  nLayers: number;
  nHeads: number;
  nKvHeads: number;
  /** Where it is not dim / nHeads. */
  headDim?: number;
  ffnDim: number;
  vocabSize: number;
  contextLength: number;
  ropeTheta: number;
  /** Tokens that Llama 3 was trained on before its context was stretched by a tensor of factors. */
  originalContext?: number;
  /** Linear scaling of RoPE. */
  ropeScale?: number;
  /** The head multiplies by the embedding. */
  tied?: boolean;
  tokenizer: 'sentencepiece' | 'byte-level';
}

const LLAMA_2 = { vocabSize: 32_000, contextLength: 4096, ropeTheta: 10_000, tokenizer: 'sentencepiece' } as const;
const LLAMA_3 = { vocabSize: 128_256, contextLength: 131_072, ropeTheta: 500_000, tokenizer: 'byte-level' } as const;
const SMOLLM2 = { vocabSize: 49_152, contextLength: 8192, ropeTheta: 100_000, tied: true, tokenizer: 'byte-level' } as const;

/** By their makers' published configurations; `mini` and `mid` are shapes of our own for measurements. */
export const MODEL_SHAPES: Record<string, ModelShape> = {
  mini: { ...LLAMA_2, dim: 512, nLayers: 4, nHeads: 8, nKvHeads: 4, ffnDim: 1536, vocabSize: 4096 },
  mid: { ...LLAMA_2, dim: 1024, nLayers: 8, nHeads: 16, nKvHeads: 4, ffnDim: 2816, vocabSize: 8192 },
  tinyllama: { ...LLAMA_2, dim: 2048, nLayers: 22, nHeads: 32, nKvHeads: 4, ffnDim: 5632, contextLength: 2048 },
  'llama-2-7b': { ...LLAMA_2, dim: 4096, nLayers: 32, nHeads: 32, nKvHeads: 32, ffnDim: 11_008 },
  'llama-2-13b': { ...LLAMA_2, dim: 5120, nLayers: 40, nHeads: 40, nKvHeads: 40, ffnDim: 13_824 },
  'llama-2-70b': { ...LLAMA_2, dim: 8192, nLayers: 80, nHeads: 64, nKvHeads: 8, ffnDim: 28_672 },
  'mistral-7b': { ...LLAMA_2, dim: 4096, nLayers: 32, nHeads: 32, nKvHeads: 8, ffnDim: 14_336, contextLength: 32_768 },
  'mistral-nemo-12b': {
    dim: 5120,
    nLayers: 40,
    nHeads: 32,
    nKvHeads: 8,
    headDim: 128,
    ffnDim: 14_336,
    vocabSize: 131_072,
    contextLength: 131_072,
    ropeTheta: 1_000_000,
    tokenizer: 'byte-level',
  },
  'llama-3.1-8b': { ...LLAMA_3, dim: 4096, nLayers: 32, nHeads: 32, nKvHeads: 8, ffnDim: 14_336, originalContext: 8192 },
  'llama-3.2-1b': {
    ...LLAMA_3,
    dim: 2048,
    nLayers: 16,
    nHeads: 32,
    nKvHeads: 8,
    ffnDim: 8192,
    originalContext: 8192,
    tied: true,
  },
  'smollm2-135m': { ...SMOLLM2, dim: 576, nLayers: 30, nHeads: 9, nKvHeads: 3, ffnDim: 1536 },
  'smollm2-1.7b': { ...SMOLLM2, dim: 2048, nLayers: 24, nHeads: 32, nKvHeads: 32, ffnDim: 8192, ropeTheta: 130_000 },
};
