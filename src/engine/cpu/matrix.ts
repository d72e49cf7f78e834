import { dequantize, type QuantType, rowBytes } from '../../gguf/quant.ts';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { HALF_VALUES } from './half-values.ts';

/** A weight tensor as it is in the file: the numbers are made from the blocks whenever they are needed. */
export interface Matrix {
  type: QuantType;
  /** Output rows. */
  rows: number;
  /** Input columns. */
  columns: number;
  bytesPerRow: number;
  /** Its buffer holds nothing else. */
  bytes: Uint8Array;
}

/** Takes over the bytes of a whole tensor, which must have a buffer of their own. */
export function toMatrix({ type, rows, columns, bytes }: WeightTensor): Matrix {
  return { type, rows, columns, bytesPerRow: rowBytes(type, columns), bytes };
}

/** Makes the values of one row: exactly `scale * q`, which float32 can hold too, or rounded to float32. out: (columns). */
export function expandRow(matrix: Matrix, row: number, out: Float64Array): void {
  const start = row * matrix.bytesPerRow;
  switch (matrix.type) {
    case 'F32':
      out.set(new Float32Array(matrix.bytes.buffer, start, matrix.columns));
      break;
    case 'F16':
      expandHalves(new Uint16Array(matrix.bytes.buffer, start, matrix.columns), out);
      break;
    case 'Q8_0':
      expandBytes(new Int8Array(matrix.bytes.buffer, start, matrix.bytesPerRow), out);
      break;
    case 'Q4_0':
      expandNibbles(matrix.bytes.subarray(start, start + matrix.bytesPerRow), out);
      break;
    default:
      expandRounded(matrix, start, out);
  }
}

function expandRounded({ type, columns, bytes }: Matrix, start: number, out: Float64Array): void {
  const rounded = new Float32Array(columns);
  dequantize(type, bytes, start, columns, rounded);
  out.set(rounded);
}

function expandHalves(halves: Uint16Array, out: Float64Array): void {
  const values = HALF_VALUES;
  for (let i = 0; i < halves.length; i++) out[i] = values[halves[i]!]!;
}

function expandBytes(row: Int8Array, out: Float64Array): void {
  for (let at = 0, i = 0; at < row.length; at += 34) {
    const scale = HALF_VALUES[(row[at]! & 0xff) | ((row[at + 1]! & 0xff) << 8)]!;
    for (let end = i + 32, q = at + 2; i < end; i++, q++) out[i] = scale * row[q]!;
  }
}

function expandNibbles(row: Uint8Array, out: Float64Array): void {
  for (let at = 0, i = 0; at < row.length; at += 18, i += 32) {
    const scale = HALF_VALUES[row[at]! | (row[at + 1]! << 8)]!;
    for (let j = 0; j < 16; j++) {
      const packed = row[at + 2 + j]!;
      out[i + j] = scale * ((packed & 15) - 8);
      out[i + 16 + j] = scale * ((packed >> 4) - 8);
    }
  }
}
