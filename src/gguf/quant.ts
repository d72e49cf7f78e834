import { AppError } from '../shared/errors.ts';
import { halfToFloat } from '../shared/model/float16.ts';

/** Weight formats that every engine runs, as GGUF names them. */
export const QUANT_TYPES = ['F32', 'F16', 'Q8_0', 'Q4_0'] as const;
export type QuantType = (typeof QUANT_TYPES)[number];

export interface BlockFormat {
  /** Number of this type in a GGUF tensor table (ggml.h, enum ggml_type). */
  ggmlType: number;
  /** Values per block. */
  blockValues: number;
  blockBytes: number;
}

export const BLOCK_FORMATS: Record<QuantType, BlockFormat> = {
  F32: { ggmlType: 0, blockValues: 1, blockBytes: 4 },
  F16: { ggmlType: 1, blockValues: 1, blockBytes: 2 },
  /** f16 scale d, then 32 signed bytes q; value = d * q. */
  Q8_0: { ggmlType: 8, blockValues: 32, blockBytes: 34 },
  /** f16 scale d, then 16 bytes: low nibbles are values 0-15, high nibbles 16-31; value = d * (q - 8). */
  Q4_0: { ggmlType: 2, blockValues: 32, blockBytes: 18 },
};

export function rowBytes(type: QuantType, columns: number): number {
  const { blockValues, blockBytes } = BLOCK_FORMATS[type];
  if (columns % blockValues !== 0) {
    throw new AppError('model-malformed', `a row of ${columns} values is not a whole number of ${type} blocks of ${blockValues}`);
  }
  return (columns / blockValues) * blockBytes;
}

/** Expands `count` values that start at byte `offset` into `out`. `count` is a whole number of blocks. */
export function dequantize(type: QuantType, bytes: Uint8Array, offset: number, count: number, out: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case 'F32':
      for (let i = 0; i < count; i++) out[i] = view.getFloat32(offset + 4 * i, true);
      return;
    case 'F16':
      for (let i = 0; i < count; i++) out[i] = halfToFloat(view.getUint16(offset + 2 * i, true));
      return;
    case 'Q8_0':
      for (let block = 0; block * 32 < count; block++) {
        const at = offset + 34 * block;
        const scale = halfToFloat(view.getUint16(at, true));
        for (let i = 0; i < 32; i++) out[32 * block + i] = scale * view.getInt8(at + 2 + i);
      }
      return;
    case 'Q4_0':
      for (let block = 0; block * 32 < count; block++) {
        const at = offset + 18 * block;
        const scale = halfToFloat(view.getUint16(at, true));
        for (let i = 0; i < 16; i++) {
          const packed = bytes[at + 2 + i]!;
          out[32 * block + i] = scale * ((packed & 15) - 8);
          out[32 * block + 16 + i] = scale * ((packed >> 4) - 8);
        }
      }
      return;
  }
}
