import { type AttentionRows, attendRows } from './attention-rows.ts';
import type { Kernels } from './kernels.ts';
import { multiplyRows, type ProductRows } from './product-rows.ts';
import type { Workspace } from './workspace.ts';

export const PRODUCT = 0;
export const ATTENTION = 1;

/** A part of a computation that needs none of the other parts, as 32-bit words: threads hand them to each other. */
export type Task = readonly [kind: typeof PRODUCT, ...ProductRows] | readonly [kind: typeof ATTENTION, ...AttentionRows];

/** Of the longest kind. */
export const TASK_WORDS = 11;

/** @param workspace of this thread */
export function runTask(kernels: Kernels, task: Task, { tile, scores }: Workspace): void {
  if (task[0] === PRODUCT) {
    const [, ...rows] = task;
    multiplyRows(kernels, rows, tile);
  } else {
    const [, ...rows] = task;
    attendRows(kernels, rows, scores);
  }
}
