import { rowBytes } from '../gguf/quant.ts';
import type { TensorSlice } from '../gguf/shard-bytes.ts';

/** Tensors larger than this come in pieces, bytes: what is on its way to an engine must not count beside the shard itself. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** Engines write rows of some formats together. */
const PIECE_ROWS = 8;

/** Rows of a tensor, and where they are in the file. */
export interface TensorPiece extends TensorSlice {
  firstRow?: number;
}

/** The pieces in which tensors are loaded and kept, in file order. */
export function cutIntoPieces(slices: readonly TensorSlice[]): TensorPiece[] {
  return slices.toSorted((a, b) => a.start - b.start).flatMap(cut);
}

function cut(slice: TensorSlice): TensorPiece[] {
  if (slice.end - slice.start <= PIECE_BYTES) return [slice];
  const bytesPerRow = rowBytes(slice.type, slice.columns);
  const pieceRows = Math.max(PIECE_ROWS, Math.floor(PIECE_BYTES / bytesPerRow / PIECE_ROWS) * PIECE_ROWS);
  return Array.from({ length: Math.ceil(slice.rows / pieceRows) }, (_, i) => {
    const firstRow = i * pieceRows;
    const rows = Math.min(pieceRows, slice.rows - firstRow);
    const start = slice.start + firstRow * bytesPerRow;
    return { ...slice, firstRow, rows, start, end: start + rows * bytesPerRow };
  });
}
