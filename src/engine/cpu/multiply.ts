import { expandRow, type Matrix } from './matrix.ts';

/** A slice of work after which a computation offers to pause, multiply-adds: a few milliseconds. */
const SLICE_PRODUCTS = 2 ** 21;

/** Work in slices: whoever drives it may let other things happen at each `yield`. */
export type Work<T = void> = Generator<undefined, T, undefined>;

/**
 * out = x * matrix^T. x: (count, columns), out: (count, matrix.rows).
 *
 * A weight row is expanded once and used for all rows of the batch. Each product is the same `dot` of the same two rows
 * whatever `count` is, so a row's result does not depend on its neighbours.
 */
export function* multiply(matrix: Matrix, x: Float32Array, count: number, out: Float32Array): Work {
  const { rows, columns } = matrix;
  const weights = new Float32Array(columns);
  const rowsPerSlice = Math.max(1, Math.floor(SLICE_PRODUCTS / (columns * count)));
  for (let row = 0; row < rows; row++) {
    expandRow(matrix, row, weights);
    for (let i = 0; i < count; i++) out[i * rows + row] = dot(weights, x, i * columns, columns);
    if (row % rowsPerSlice === rowsPerSlice - 1) yield;
  }
}

/** Float64 sums in four interleaved lanes, so that a processor need not wait for one addition before the next. */
function dot(weights: Float32Array, x: Float32Array, start: number, columns: number): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  const whole = columns - (columns % 4);
  for (let i = 0, j = start; i < whole; i += 4, j += 4) {
    lane0 += weights[i]! * x[j]!;
    lane1 += weights[i + 1]! * x[j + 1]!;
    lane2 += weights[i + 2]! * x[j + 2]!;
    lane3 += weights[i + 3]! * x[j + 3]!;
  }
  for (let i = whole; i < columns; i++) lane0 += weights[i]! * x[start + i]!;
  return lane0 + lane1 + (lane2 + lane3);
}
