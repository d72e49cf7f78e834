import { AppError } from '../shared/errors.ts';
import { bf16, f16, f32 } from './quant-floats.ts';
import { q2K, q3K, q4K, q5K, q6K } from './quant-k.ts';
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from './quant-legacy.ts';

/** Weight formats that every engine runs, as GGUF names them. */
export const QUANT_TYPES = [
  'F32',
  'F16',
  'BF16',
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
] as const;
export type QuantType = (typeof QUANT_TYPES)[number];

/** Writes the values of `blocks` blocks that begin at byte `at`, rounded to float32 as llama.cpp does. */
export type ExpandBlocks = (bytes: Uint8Array, at: number, blocks: number, out: Float32Array) => void;

export interface BlockFormat {
  /** Number of this type in a GGUF tensor table (ggml.h, enum ggml_type). */
  ggmlType: number;
  /** Values per block. */
  blockValues: number;
  blockBytes: number;
  expand: ExpandBlocks;
}

/** Layouts: ggml-common.h. What is in a block stands beside each function that expands it. */
export const BLOCK_FORMATS: Record<QuantType, BlockFormat> = {
  F32: { ggmlType: 0, blockValues: 1, blockBytes: 4, expand: f32 },
  F16: { ggmlType: 1, blockValues: 1, blockBytes: 2, expand: f16 },
  BF16: { ggmlType: 30, blockValues: 1, blockBytes: 2, expand: bf16 },
  Q8_0: { ggmlType: 8, blockValues: 32, blockBytes: 34, expand: q8_0 },
  Q4_0: { ggmlType: 2, blockValues: 32, blockBytes: 18, expand: q4_0 },
  Q4_1: { ggmlType: 3, blockValues: 32, blockBytes: 20, expand: q4_1 },
  Q5_0: { ggmlType: 6, blockValues: 32, blockBytes: 22, expand: q5_0 },
  Q5_1: { ggmlType: 7, blockValues: 32, blockBytes: 24, expand: q5_1 },
  Q2_K: { ggmlType: 10, blockValues: 256, blockBytes: 84, expand: q2K },
  Q3_K: { ggmlType: 11, blockValues: 256, blockBytes: 110, expand: q3K },
  Q4_K: { ggmlType: 12, blockValues: 256, blockBytes: 144, expand: q4K },
  Q5_K: { ggmlType: 13, blockValues: 256, blockBytes: 176, expand: q5K },
  Q6_K: { ggmlType: 14, blockValues: 256, blockBytes: 210, expand: q6K },
};

/** @throws AppError model-malformed when the columns are not whole blocks */
export function rowBytes(type: QuantType, columns: number): number {
  const { blockValues, blockBytes } = BLOCK_FORMATS[type];
  if (columns % blockValues !== 0) {
    throw new AppError('model-malformed', `a row of ${columns} values is not a whole number of ${type} blocks of ${blockValues}`);
  }
  return (columns / blockValues) * blockBytes;
}

/** Expands `count` values that start at byte `offset` into `out`. `count` is a whole number of blocks. */
export function dequantize(type: QuantType, bytes: Uint8Array, offset: number, count: number, out: Float32Array): void {
  const { blockValues, expand } = BLOCK_FORMATS[type];
  expand(bytes, offset, count / blockValues, out);
}
