import type { Work } from './multiply.ts';

/** The longest that a forward keeps its thread from beats and messages, ms. */
const PAUSE_INTERVAL_MS = 25;

/** Drives work to its end, letting the thread do other things now and then: a worker's beats must not wait for a prefill. */
export async function finishWork<T>(work: Work<T>): Promise<T> {
  let busySinceMs = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - busySinceMs < PAUSE_INTERVAL_MS) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    busySinceMs = performance.now();
  }
}
