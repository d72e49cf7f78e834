import type { AttentionRows } from './attention-rows.ts';
import { type ProductRows, TILE_ROWS } from './product-rows.ts';
import { ATTENTION, PRODUCT, type Task } from './task.ts';

/** Multiply-adds below which waking another thread costs more than it saves: ten microseconds or so. */
const MIN_TASK_PRODUCTS = 2 ** 17;
/** A thread hears nobody while it has a task: milliseconds at the most. */
const MAX_TASK_PRODUCTS = 2 ** 22;
/** Few enough to cost nothing, enough that a slow thread holds nobody up for long. */
const TASKS_PER_THREAD = 4;

/** Cuts products into tasks of about the same size. */
export function cutProducts(products: readonly ProductRows[], threads: number): Task[] {
  const size = taskSize(products.map(productSize), threads);
  return products.flatMap((product) => cutProduct(product, size));
}

/** Cuts attention into tasks: some rows each, or some heads of one row where the row is long. */
export function cutAttention(runs: readonly AttentionRows[], threads: number): Task[] {
  const size = taskSize(runs.map(attentionSize), threads);
  return runs.flatMap((run) => cutRun(run, size));
}

/** All sizes are in multiply-adds. */
function taskSize(sizes: readonly number[], threads: number): number {
  const evenly = sizes.reduce((sum, size) => sum + size, 0) / (threads * TASKS_PER_THREAD);
  return Math.min(MAX_TASK_PRODUCTS, Math.max(MIN_TASK_PRODUCTS, evenly));
}

function productSize([, , , columns, , count, , startRow, endRow]: ProductRows): number {
  return (endRow - startRow) * columns * count;
}

function cutProduct(product: ProductRows, size: number): Task[] {
  const [format, address, rows, columns, x, count, out, startRow, endRow] = product;
  const taskRows = TILE_ROWS * Math.max(1, Math.floor(size / (columns * count * TILE_ROWS)));
  const tasks: Task[] = [];
  for (let row = startRow; row < endRow; row += taskRows) {
    tasks.push([PRODUCT, format, address, rows, columns, x, count, out, row, Math.min(endRow, row + taskRows)]);
  }
  return tasks;
}

/** Of one head in the row that sees most: scores, and the sum of the values. */
function headSize([, , , length, rowCount, , , headDim]: AttentionRows): number {
  return 2 * (length + rowCount - 1) * headDim;
}

function attentionSize(run: AttentionRows): number {
  const [, , , , rowCount, , , , firstHead, endHead] = run;
  return headSize(run) * rowCount * (endHead - firstHead);
}

function cutRun(run: AttentionRows, size: number): Task[] {
  const [queries, out, blocks, length, rowCount, nHeads, nKvHeads, headDim, firstHead, endHead] = run;
  const heads = Math.max(1, Math.floor(size / headSize(run)));
  const taskHeads = Math.min(heads, endHead - firstHead);
  const taskRows = Math.max(1, Math.floor(heads / (endHead - firstHead)));
  const tasks: Task[] = [];
  for (let row = 0; row < rowCount; row += taskRows) {
    const at = row * nHeads * headDim * 4;
    const rows = Math.min(taskRows, rowCount - row);
    const seen = length + row;
    for (let head = firstHead; head < endHead; head += taskHeads) {
      const end = Math.min(endHead, head + taskHeads);
      tasks.push([ATTENTION, queries + at, out + at, blocks, seen, rows, nHeads, nKvHeads, headDim, head, end]);
    }
  }
  return tasks;
}
