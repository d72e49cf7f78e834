import { BF16, F16, F32, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, Q6_K, Q8_0 } from './formats';
import { expandRows, multiplyOne } from './multiply';

export { attend } from './attention';
export { multiplyFour, multiplySome } from './multiply';
export { add, gateUp, rmsNorm, sumExp } from './rows';

/** Numbers of enum ggml_type. */
const enum Format {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  BF16 = 30,
}

/** `multiplyOne` of a format. */
export function multiplyRow(
  format: Format,
  weights: usize,
  columns: usize,
  x: usize,
  out: usize,
  startRow: usize,
  endRow: usize,
): void {
  if (format == Format.F32) multiplyOne<F32>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.F16) multiplyOne<F16>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q4_0) multiplyOne<Q4_0>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q4_1) multiplyOne<Q4_1>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q5_0) multiplyOne<Q5_0>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q5_1) multiplyOne<Q5_1>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q8_0) multiplyOne<Q8_0>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q2_K) multiplyOne<Q2_K>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q3_K) multiplyOne<Q3_K>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q4_K) multiplyOne<Q4_K>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q5_K) multiplyOne<Q5_K>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.Q6_K) multiplyOne<Q6_K>(weights, columns, x, out, startRow, endRow);
  else if (format == Format.BF16) multiplyOne<BF16>(weights, columns, x, out, startRow, endRow);
}

/** `expandRows` of a format. */
export function expand(format: Format, weights: usize, columns: usize, row: usize, endRow: usize, to: usize): void {
  if (format == Format.F32) expandRows<F32>(weights, columns, row, endRow, to);
  else if (format == Format.F16) expandRows<F16>(weights, columns, row, endRow, to);
  else if (format == Format.Q4_0) expandRows<Q4_0>(weights, columns, row, endRow, to);
  else if (format == Format.Q4_1) expandRows<Q4_1>(weights, columns, row, endRow, to);
  else if (format == Format.Q5_0) expandRows<Q5_0>(weights, columns, row, endRow, to);
  else if (format == Format.Q5_1) expandRows<Q5_1>(weights, columns, row, endRow, to);
  else if (format == Format.Q8_0) expandRows<Q8_0>(weights, columns, row, endRow, to);
  else if (format == Format.Q2_K) expandRows<Q2_K>(weights, columns, row, endRow, to);
  else if (format == Format.Q3_K) expandRows<Q3_K>(weights, columns, row, endRow, to);
  else if (format == Format.Q4_K) expandRows<Q4_K>(weights, columns, row, endRow, to);
  else if (format == Format.Q5_K) expandRows<Q5_K>(weights, columns, row, endRow, to);
  else if (format == Format.Q6_K) expandRows<Q6_K>(weights, columns, row, endRow, to);
  else if (format == Format.BF16) expandRows<BF16>(weights, columns, row, endRow, to);
}
