import type { Work } from '../cpu/multiply.ts';
import type { Address, Kernels } from './kernels.ts';
import type { WasmMatrix } from './matrix.ts';
import { multiplyRows, type Product, TILE_ROWS } from './product-rows.ts';
import type { ThreadGroup } from './thread-group.ts';

/** A slice of work after which a computation offers to pause, multiply-adds per thread: a few milliseconds. */
const SLICE_PRODUCTS = 2 ** 24;

/** What computes products. */
export interface Multiplier {
  kernels: Kernels;
  /** Null: this thread alone. */
  threads: ThreadGroup | null;
  /** Holds room to expand weight rows, `tileBytes(columns)` of the widest matrix. */
  scratch: { tile: Address };
}

/** out = x * matrix^T. x: (count, columns), out: (count, matrix.rows). @throws AppError internal when a thread has died */
export function* multiply(by: Multiplier, matrix: WasmMatrix, x: Address, count: number, out: Address): Work {
  const { format, address, rows, columns } = matrix;
  const product: Product = { format, address, rows, columns, x, count, out };
  const { kernels, threads, scratch } = by;
  const sliceProducts = SLICE_PRODUCTS * (threads?.size ?? 1);
  const rowsPerSlice = Math.max(TILE_ROWS, Math.floor(sliceProducts / (count * columns) / TILE_ROWS) * TILE_ROWS);
  for (let row = 0; row < rows; row += rowsPerSlice) {
    if (row > 0) yield;
    const endRow = Math.min(rows, row + rowsPerSlice);
    if (threads) threads.multiplyRows(kernels, product, row, endRow, scratch.tile);
    else multiplyRows(kernels, product, row, endRow, scratch.tile);
  }
}
