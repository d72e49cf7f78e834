import { BLOCK_FORMATS, rowBytes } from '../../gguf/quant.ts';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import type { Heap } from './heap.ts';
import type { Address, Kernels } from './kernels.ts';

/** A weight tensor in the memory of the kernels, as it is in the file. */
export interface WasmMatrix {
  /** Number of the type in enum ggml_type. */
  format: number;
  /** Output rows. */
  rows: number;
  /** Input columns. */
  columns: number;
  address: Address;
  weightBytes: number;
}

/** Room for a tensor of so many rows, of which `tensor` may be a piece. @throws AppError out-of-memory */
export function reserveOnHeap(heap: Heap, { type, columns }: WeightTensor, rows: number): WasmMatrix {
  const weightBytes = rows * rowBytes(type, columns);
  return { format: BLOCK_FORMATS[type].ggmlType, rows, columns, address: heap.allocate(weightBytes), weightBytes };
}

export function fillOnHeap(heap: Heap, { address }: WasmMatrix, { type, columns, firstRow = 0, bytes }: WeightTensor): void {
  heap.bytes(address + firstRow * rowBytes(type, columns), bytes.length).set(bytes);
}

/** The weight of a norm as floats: formats other than F32 are rare and expanded once. @throws AppError out-of-memory */
export function copyNormToHeap(heap: Heap, kernels: Kernels, tensor: WeightTensor): WasmMatrix {
  const matrix = reserveOnHeap(heap, tensor, tensor.rows);
  fillOnHeap(heap, matrix, tensor);
  if (tensor.type === 'F32') return matrix;
  const weightBytes = tensor.columns * 4;
  const address = heap.allocate(weightBytes);
  kernels.expand(matrix.format, matrix.address, tensor.columns, 0, 1, address);
  heap.release(matrix.address);
  return { ...matrix, format: BLOCK_FORMATS.F32.ggmlType, address, weightBytes };
}
