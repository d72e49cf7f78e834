import { rowBytes } from '../gguf/quant.ts';
import type { TensorSlice } from '../gguf/shard-bytes.ts';
import { WEIGHT_PIECE_BYTES, WEIGHT_PIECE_ROWS } from '../shared/model/limits.ts';

/** Rows of a tensor, and where they are in the file. */
export interface TensorPiece extends TensorSlice {
  firstRow?: number;
}

/** The pieces in which tensors are loaded and kept, in file order. */
export function cutIntoPieces(slices: readonly TensorSlice[]): TensorPiece[] {
  return slices.toSorted((a, b) => a.start - b.start).flatMap(cut);
}

function cut(slice: TensorSlice): TensorPiece[] {
  if (slice.end - slice.start <= WEIGHT_PIECE_BYTES) return [slice];
  const bytesPerRow = rowBytes(slice.type, slice.columns);
  const pieceRows = Math.max(
    WEIGHT_PIECE_ROWS,
    Math.floor(WEIGHT_PIECE_BYTES / bytesPerRow / WEIGHT_PIECE_ROWS) * WEIGHT_PIECE_ROWS,
  );
  return Array.from({ length: Math.ceil(slice.rows / pieceRows) }, (_, i) => {
    const firstRow = i * pieceRows;
    const rows = Math.min(pieceRows, slice.rows - firstRow);
    const start = slice.start + firstRow * bytesPerRow;
    return { ...slice, firstRow, rows, start, end: start + rows * bytesPerRow };
  });
}
