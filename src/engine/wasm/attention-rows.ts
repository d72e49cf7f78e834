import type { Address, Kernels } from './kernels.ts';

/** Attention of rows that follow each other in one sequence, of the heads from `firstHead` to `endHead`. */
export type AttentionRows = readonly [
  /** (rowCount, nHeads, headDim) */
  queries: Address,
  /** As `queries`. */
  out: Address,
  /** Addresses of the sequence's blocks of keys and values. */
  blocks: Address,
  /** How many positions the first row sees; each other row sees one more than the row before. */
  length: number,
  rowCount: number,
  nHeads: number,
  nKvHeads: number,
  headDim: number,
  firstHead: number,
  endHead: number,
];

/** Each head of each row is a result of its own, whoever computes which. @param scores room for what the last row sees, in fours */
export function attendRows(kernels: Kernels, rows: AttentionRows, scores: Address): void {
  const [queries, out, blocks, length, rowCount, nHeads, nKvHeads, headDim, firstHead, endHead] = rows;
  for (let row = 0; row < rowCount; row++) {
    const at = row * nHeads * headDim * 4;
    const seen = length + row;
    kernels.attend(queries + at, out + at, blocks, seen, nHeads, nKvHeads, headDim, firstHead, endHead, scores);
  }
}
