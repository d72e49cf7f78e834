import { AppError } from '../../shared/errors.ts';
import type { Work } from '../cpu/multiply.ts';
import type { EngineOptions } from '../shard-engine.ts';
import type { Heap } from './heap.ts';
import type { ThreadSetup } from './kernel-thread.ts';
import type { Kernels } from './kernels.ts';
import { Patience } from './patience.ts';
import { awaitDone, finish, offer, SHARED_WORDS, take } from './shared-work.ts';
import { runTask, type Task } from './task.ts';
import { allocateWorkspace, type Workspace } from './workspace.ts';

/** More threads than this wait for memory and for each other. */
const MAX_THREADS = 8;
/** A thread that is not there by then will not come, ms. */
const START_TIMEOUT_MS = 10_000;
/** A task takes milliseconds; a thread that has one for so long is dead, ms. */
const TASK_TIMEOUT_MS = 30_000;

/**
 * How many threads may compute here, the caller's among them: all but one, which is left to the page; of two both, as a page
 * has little to do. 1 where memory cannot be shared (a page that is not cross-origin isolated, Node), and on a page's main
 * thread, which may not wait for others. A browser may have fewer processors than it says: eight threads on two still decode 1.7
 * times as fast as one, on a single one a twelfth slower than one.
 */
export function threadCount(): number {
  const { crossOriginIsolated = false, navigator } = globalThis as Partial<typeof globalThis>;
  if (!crossOriginIsolated || 'document' in globalThis || typeof Worker === 'undefined') return 1;
  const processors = navigator?.hardwareConcurrency ?? 1;
  return processors < 2 ? 1 : Math.min(MAX_THREADS, Math.max(2, processors - 1));
}

/** Threads that compute together with the one that asks. */
export class ThreadGroup {
  /** The asking thread among them. */
  readonly size: number;
  private readonly workers: readonly Worker[];
  private readonly words: Int32Array;
  private readonly patience = new Patience();

  private constructor(workers: readonly Worker[], words: Int32Array) {
    this.size = workers.length + 1;
    this.workers = workers;
    this.words = words;
  }

  /**
   * @param module for shared memory, which the heap's is
   * @throws AppError internal when a thread does not start, out-of-memory
   */
  static async start(module: WebAssembly.Module, heap: Heap, options: EngineOptions, size: number): Promise<ThreadGroup> {
    const at = heap.allocate(4 * SHARED_WORDS);
    const words = new Int32Array(heap.memory.buffer, at, SHARED_WORDS).fill(0);
    const setups = Array.from({ length: size - 1 }, () => ({
      module,
      memory: heap.memory,
      words: at,
      workspace: allocateWorkspace(heap, options),
    }));
    const workers = setups.map(
      () => new Worker(new URL('./kernel-thread.ts', import.meta.url), { type: 'module', name: 'kernels' }),
    );
    try {
      await Promise.all(workers.map((worker, i) => started(worker, setups[i]!)));
      return new ThreadGroup(workers, words);
    } catch (thrown) {
      for (const worker of workers) worker.terminate();
      throw AppError.from(thrown);
    }
  }

  /** Runs at most MAX_TASKS tasks. While the asking thread pauses, the others go on. @throws AppError internal when a thread has died */
  *compute(kernels: Kernels, tasks: readonly Task[], workspace: Workspace): Work {
    offer(this.words, tasks);
    for (let task = take(this.words); task; task = take(this.words)) {
      runTask(kernels, task, workspace);
      finish(this.words);
      yield;
    }
    if (awaitDone(this.words, tasks.length, TASK_TIMEOUT_MS, this.patience)) return;
    throw new AppError('internal', `a thread of the processor has not answered for ${TASK_TIMEOUT_MS / 1000} s`);
  }

  stop(): void {
    for (const worker of this.workers) worker.terminate();
  }
}

function started(worker: Worker, setup: ThreadSetup): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new AppError('internal', `a thread of the processor did not start: ${why}`));
    const timer = setTimeout(() => fail(`nothing in ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS);
    worker.onmessage = () => {
      clearTimeout(timer);
      resolve();
    };
    worker.onerror = ({ message }) => {
      clearTimeout(timer);
      fail(message || 'its script cannot be loaded');
    };
    worker.postMessage(setup);
  });
}
