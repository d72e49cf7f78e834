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
    await pause();
    busySinceMs = performance.now();
  }
}

/** Until what waits for this thread has had its turn. A message to itself, as browsers let every timer that follows a timer wait 4 ms. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
