import { dequantize } from '../../gguf/quant.ts';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { halfToFloat } from '../../shared/model/float16.ts';
import type { OnnxTensor } from './onnx-model.ts';
import { ONNX_TYPES } from './onnx-types.ts';

const BLOCK_VALUES = 32;

/** A weight as onnxruntime takes it: a float matrix, or blocks for MatMulNBits. */
export type PackedMatrix = {
  rows: number;
  columns: number;
} & ({ kind: 'float'; weights: OnnxTensor } | { kind: 'blocks'; bits: 4 | 8; weights: OnnxTensor; scales: OnnxTensor });

/**
 * Blocks keep every value: their quants are reordered and their scales widened from f16 to f32 (MatMulNBits wants the
 * type of the activations). Floats are widened, and transposed as MatMul multiplies from the right.
 *
 * @throws AppError quantisation-unsupported for any other format
 */
export function packMatrix(name: string, tensor: WeightTensor): PackedMatrix {
  const { type, rows, columns } = tensor;
  if (type === 'Q4_0') return { rows, columns, kind: 'blocks', bits: 4, ...packBlocks(name, tensor, 16, packNibbles) };
  if (type === 'Q8_0') return { rows, columns, kind: 'blocks', bits: 8, ...packBlocks(name, tensor, 32, packBytes) };
  const values = floats(tensor);
  const transposed = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) transposed[column * rows + row] = values[row * columns + column]!;
  const weights: OnnxTensor = { name, type: 'float32', dims: [columns, rows], bytes: new Uint8Array(transposed.buffer) };
  return { rows, columns, kind: 'float', weights };
}

/** The weight of a norm, (columns). */
export function packVector(name: string, tensor: WeightTensor): OnnxTensor {
  return { name, type: 'float32', dims: [tensor.columns], bytes: new Uint8Array(floats(tensor).buffer) };
}

function floats({ type, rows, columns, bytes }: WeightTensor): Float32Array<ArrayBuffer> {
  if (type !== 'F32' && type !== 'F16') {
    throw new AppError('quantisation-unsupported', `onnxruntime runs ${ONNX_TYPES.join(', ')}; this tensor is ${type}`);
  }
  const values = new Float32Array(rows * columns);
  dequantize(type, bytes, 0, values.length, values);
  return values;
}

type PackBlock = (bytes: Uint8Array, from: number, out: Uint8Array, to: number) => void;

/** Splits blocks of an f16 scale and `quantBytes` of quants. */
function packBlocks(name: string, { rows, columns, bytes }: WeightTensor, quantBytes: number, packBlock: PackBlock) {
  const blocks = (rows * columns) / BLOCK_VALUES;
  const quants = new Uint8Array(blocks * quantBytes);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const at = block * (2 + quantBytes);
    scales[block] = halfToFloat(bytes[at]! | (bytes[at + 1]! << 8));
    packBlock(bytes, at + 2, quants, block * quantBytes);
  }
  const blocksPerRow = columns / BLOCK_VALUES;
  const weights: OnnxTensor = { name, type: 'uint8', dims: [rows, blocksPerRow, quantBytes], bytes: quants };
  const scaleBytes = new Uint8Array(scales.buffer);
  return { weights, scales: { name: `${name}.scales`, type: 'float32', dims: [blocks], bytes: scaleBytes } as OnnxTensor };
}

/** Q4_0 pairs values i and i + 16 in a byte, MatMulNBits values 2i and 2i + 1; both mean value - 8. */
function packNibbles(bytes: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < 8; i++) {
    const [even, odd] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
    out[to + i] = (even & 15) | ((odd & 15) << 4);
    out[to + 8 + i] = (even >> 4) | (odd & 0xf0);
  }
}

/** Signed bytes become bytes around 128. */
function packBytes(bytes: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < 32; i++) out[to + i] = bytes[from + i]! ^ 0x80;
}
