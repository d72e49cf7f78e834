import type { Address, Kernels } from './kernels.ts';

/** Weight rows that are expanded together. */
export const TILE_ROWS = 4;
/** Up to so many rows, decoding the blocks once per row is faster than expanding them. */
const MAX_DIRECT_ROWS = 2;

/** Weight rows from `startRow`, a multiple of TILE_ROWS, to `endRow` of out = x * matrix^T. x: (count, columns), out: (count, rows) */
export type ProductRows = readonly [
  /** Number of the matrix's type in enum ggml_type. */
  format: number,
  address: Address,
  rows: number,
  columns: number,
  x: Address,
  count: number,
  out: Address,
  startRow: number,
  endRow: number,
];

/** Bytes that `multiplyRows` needs to expand weight rows. */
export function tileBytes(columns: number): number {
  return TILE_ROWS * columns * 4;
}

/**
 * Few rows of x read the blocks directly; for many, weight rows are expanded once and used for all. Both ways give the same
 * bits, whoever computes which rows.
 * @param tile room for `tileBytes(columns)`
 */
export function multiplyRows(kernels: Kernels, product: ProductRows, tile: Address): void {
  const [, , , , , count, , startRow] = product;
  multiplyTiles(kernels, product, count > MAX_DIRECT_ROWS ? startRow : multiplyDirectly(kernels, product), tile);
}

/** Leaves out what the kernel's groups of four leave over, and returns the row where that begins. */
function multiplyDirectly(kernels: Kernels, product: ProductRows): number {
  const [format, address, rows, columns, x, count, out, startRow, endRow] = product;
  const wholeEnd = endRow - ((endRow - startRow) % TILE_ROWS);
  for (let i = 0; i < count; i++) {
    kernels.multiplyRow(format, address, columns, x + i * columns * 4, out + i * rows * 4, startRow, wholeEnd);
  }
  return wholeEnd;
}

function multiplyTiles(kernels: Kernels, product: ProductRows, tilesFrom: number, tile: Address): void {
  const [format, address, rows, columns, x, count, out, , endRow] = product;
  for (let row = tilesFrom; row < endRow; row += TILE_ROWS) {
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
