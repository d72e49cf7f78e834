import { expandRow, type Matrix } from './matrix.ts';

/** The embeddings of tokens, (tokens, dim). */
export function embed(embedding: Matrix, tokens: Uint32Array): Float32Array {
  const dim = embedding.columns;
  const rows = new Float32Array(tokens.length * dim);
  const values = new Float64Array(dim);
  for (const [row, token] of tokens.entries()) {
    expandRow(embedding, token, values);
    rows.set(values, row * dim);
  }
  return rows;
}
