import { expandRow, type Matrix } from './matrix.ts';

/** The weight of a norm, expanded. (dim) */
export function normWeight(matrix: Matrix): Float64Array {
  const weight = new Float64Array(matrix.columns);
  expandRow(matrix, 0, weight);
  return weight;
}

/** RMSNorm (Zhang and Sennrich 2019) of each row. x, out: (count, dim), weight: (dim). */
export function rmsNorm(x: Float32Array, weight: Float64Array, eps: number, count: number, out: Float32Array): void {
  const dim = weight.length;
  for (let start = 0; start < count * dim; start += dim) {
    let squares = 0;
    for (let i = 0; i < dim; i++) squares += x[start + i]! * x[start + i]!;
    const scale = 1 / Math.sqrt(squares / dim + eps);
    for (let i = 0; i < dim; i++) out[start + i] = x[start + i]! * scale * weight[i]!;
  }
}
