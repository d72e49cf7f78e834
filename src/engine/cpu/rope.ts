import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { ropeFrequencies } from '../rope-frequencies.ts';

/** Cosine and sine of every angle that a forward needs. (rows, ropeDim): cos, sin of pair 0, cos, sin of pair 1, ... */
export function rotations(spec: ModelSpec, positions: readonly number[]): Float64Array {
  const { ropeDim } = spec;
  const frequencies = ropeFrequencies(spec);
  const table = new Float64Array(positions.length * ropeDim);
  for (const [row, position] of positions.entries()) {
    for (let i = 0; i < ropeDim; i += 2) {
      const angle = position * frequencies[i / 2]!;
      table[row * ropeDim + i] = Math.cos(angle);
      table[row * ropeDim + i + 1] = Math.sin(angle);
    }
  }
  return table;
}

/**
 * Rotates neighbouring pairs of the first `ropeDim` dimensions of each head, as GGUF's llama architecture orders them
 * (Su et al. 2021, "RoFormer"). x: (rows, heads * headDim), in place.
 */
export function rotate({ ropeDim, headDim }: ModelSpec, x: Float32Array, heads: number, table: Float64Array): void {
  const rows = table.length / ropeDim;
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const start = (row * heads + head) * headDim;
      for (let i = 0; i < ropeDim; i += 2) {
        const cos = table[row * ropeDim + i]!;
        const sin = table[row * ropeDim + i + 1]!;
        const a = x[start + i]!;
        const b = x[start + i + 1]!;
        x[start + i] = a * cos - b * sin;
        x[start + i + 1] = a * sin + b * cos;
      }
    }
  }
}
