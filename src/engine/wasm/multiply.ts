import type { Work } from '../cpu/multiply.ts';
import type { Address, Kernels } from './kernels.ts';
import type { WasmMatrix } from './matrix.ts';

/** A slice of work after which a computation offers to pause, multiply-adds: a few milliseconds. */
const SLICE_PRODUCTS = 2 ** 24;
/** Weight rows that are expanded together. */
const TILE_ROWS = 4;
/** Up to so many rows, decoding the blocks once per row is faster than expanding them. */
const MAX_DIRECT_ROWS = 2;

/** Bytes that `multiply` needs to expand weight rows. */
export function tileBytes(columns: number): number {
  return TILE_ROWS * columns * 4;
}

/**
 * out = x * matrix^T. x: (count, columns), out: (count, matrix.rows), tile: room for `tileBytes(columns)`.
 *
 * Few rows read the blocks directly; for many, weight rows are expanded once and used for all. Both ways give the same bits.
 */
export function* multiply(kernels: Kernels, matrix: WasmMatrix, x: Address, count: number, out: Address, tile: Address): Work {
  const { rows, columns } = matrix;
  const rowsPerSlice = Math.max(TILE_ROWS, Math.floor(SLICE_PRODUCTS / (count * columns) / TILE_ROWS) * TILE_ROWS);
  for (let row = 0; row < rows; row += rowsPerSlice) {
    if (row > 0) yield;
    const endRow = Math.min(rows, row + rowsPerSlice);
    const tilesFrom = count > MAX_DIRECT_ROWS ? row : multiplyDirectly(kernels, matrix, x, count, out, row, endRow);
    multiplyTiles(kernels, matrix, x, count, out, tile, tilesFrom, endRow);
  }
}

/** Leaves out what the kernel's groups of four leave over, and returns the row where that begins. */
function multiplyDirectly(
  kernels: Kernels,
  { format, address, rows, columns }: WasmMatrix,
  x: Address,
  count: number,
  out: Address,
  startRow: number,
  endRow: number,
): number {
  const wholeEnd = endRow - ((endRow - startRow) % TILE_ROWS);
  for (let i = 0; i < count; i++) {
    kernels.multiplyRow(format, address, columns, x + i * columns * 4, out + i * rows * 4, startRow, wholeEnd);
  }
  return wholeEnd;
}

function multiplyTiles(
  kernels: Kernels,
  { format, address, rows, columns }: WasmMatrix,
  x: Address,
  count: number,
  out: Address,
  tile: Address,
  startRow: number,
  endRow: number,
): void {
  for (let row = startRow; row < endRow; row += TILE_ROWS) {
    const tileRows = Math.min(TILE_ROWS, endRow - row);
    kernels.expand(format, address, columns, row, row + tileRows, tile);
    if (tileRows === TILE_ROWS) {
      kernels.multiplyFour(tile, columns, x, count, out + row * 4, rows);
      continue;
    }
    for (let i = 0; i < count; i++) {
      kernels.multiplySome(tile, columns, tileRows, x + i * columns * 4, out + (i * rows + row) * 4);
    }
  }
}
