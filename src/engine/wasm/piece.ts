import { type AttentionRows, attendRows } from './attention-rows.ts';
import type { Kernels } from './kernels.ts';
import { multiplyRows, type ProductRows } from './product-rows.ts';
import type { Workspace } from './workspace.ts';

export const PRODUCT = 0;
export const ATTENTION = 1;

/** A part of a computation that needs none of the other parts, as 32-bit words: threads hand them to each other. */
export type Piece = readonly [kind: typeof PRODUCT, ...ProductRows] | readonly [kind: typeof ATTENTION, ...AttentionRows];

/** Of the longest kind. */
export const PIECE_WORDS = 11;

/** @param workspace of this thread */
export function runPiece(kernels: Kernels, piece: Piece, { tile, scores }: Workspace): void {
  if (piece[0] === PRODUCT) {
    const [, ...rows] = piece;
    multiplyRows(kernels, rows, tile);
  } else {
    const [, ...rows] = piece;
    attendRows(kernels, rows, scores);
  }
}
