import type { Work } from '../cpu/multiply.ts';
import type { AttentionRows } from './attention-rows.ts';
import { cutAttention, cutProducts } from './cut-tasks.ts';
import type { Address, Kernels } from './kernels.ts';
import type { WasmMatrix } from './matrix.ts';
import type { ProductRows } from './product-rows.ts';
import { MAX_TASKS } from './shared-work.ts';
import { runTask, type Task } from './task.ts';
import type { ThreadGroup } from './thread-group.ts';
import type { Workspace } from './workspace.ts';

/** What computes: this thread, and others where there are any. */
export interface Computer {
  kernels: Kernels;
  /** Null: this thread alone. */
  threads: ThreadGroup | null;
  /** Of this thread. */
  workspace: Workspace;
}

/** A matrix that x is multiplied by, and where the result goes, (count, matrix.rows). */
export type Factor = readonly [matrix: WasmMatrix, out: Address];

/** out = x * matrix^T for each matrix. x: (count, columns). @throws AppError internal when a thread has died */
export function multiply(by: Computer, x: Address, count: number, factors: readonly Factor[]): Work {
  const products = factors.map(
    ([{ format, address, rows, columns }, out]): ProductRows => [format, address, rows, columns, x, count, out, 0, rows],
  );
  return compute(by, cutProducts(products, threadsOf(by)));
}

/** @throws AppError internal when a thread has died */
export function attend(by: Computer, runs: readonly AttentionRows[]): Work {
  return compute(by, cutAttention(runs, threadsOf(by)));
}

/** Offers to pause after each task. */
function* compute({ kernels, threads, workspace }: Computer, tasks: readonly Task[]): Work {
  if (threads && tasks.length > 1) {
    for (let at = 0; at < tasks.length; at += MAX_TASKS)
      yield* threads.compute(kernels, tasks.slice(at, at + MAX_TASKS), workspace);
    return;
  }
  for (const task of tasks) {
    runTask(kernels, task, workspace);
    yield;
  }
}

function threadsOf({ threads }: Computer): number {
  return threads?.size ?? 1;
}
