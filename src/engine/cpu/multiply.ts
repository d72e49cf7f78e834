import { expandRow, type Matrix } from './matrix.ts';
import { dotExpanded, rowDot } from './row-dot.ts';

/** A slice of work after which a computation offers to pause, multiply-adds: a few milliseconds. */
const SLICE_PRODUCTS = 2 ** 21;

/** Work in slices: whoever drives it may let other things happen at each `yield`. */
export type Work<T = void> = Generator<undefined, T, undefined>;

/**
 * out = x * matrix^T. x: (count, columns), out: (count, matrix.rows).
 *
 * One row reads the blocks directly; for several a weight row is expanded once and used for all. Both ways give the same
 * bits, so a row's result does not depend on its neighbours.
 */
export function* multiply(matrix: Matrix, x: Float32Array, count: number, out: Float32Array): Work {
  const { rows, columns } = matrix;
  const wide = new Float64Array(x);
  const inputs = Array.from({ length: count }, (_, i) => wide.subarray(i * columns, (i + 1) * columns));
  const rowsPerSlice = Math.max(1, Math.floor(SLICE_PRODUCTS / (count * columns)));
  for (let row = 0; row < rows; row += rowsPerSlice) {
    if (row > 0) yield;
    const endRow = Math.min(rows, row + rowsPerSlice);
    if (count === 1) multiplyOne(matrix, wide, row, endRow, out);
    else multiplyMany(matrix, inputs, row, endRow, out);
  }
}

function multiplyOne(matrix: Matrix, input: Float64Array, startRow: number, endRow: number, out: Float32Array): void {
  const dot = rowDot(matrix);
  for (let row = startRow; row < endRow; row++) out[row] = dot(row, input);
}

function multiplyMany(
  matrix: Matrix,
  inputs: readonly Float64Array[],
  startRow: number,
  endRow: number,
  out: Float32Array,
): void {
  const weights = new Float64Array(matrix.columns);
  for (let row = startRow; row < endRow; row++) {
    expandRow(matrix, row, weights);
    for (let i = 0; i < inputs.length; i++) out[i * matrix.rows + row] = dotExpanded(weights, inputs[i]!);
  }
}
