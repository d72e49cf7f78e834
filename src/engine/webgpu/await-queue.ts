/** How often a browser that looks only now and then is made to look, ms: longer than a short forward takes. */
const LOOK_INTERVAL_MS = 4;

/**
 * Waits for what a queue's work brings. Firefox looks only ten times a second whether work is done, unless more is submitted: an
 * empty submission makes it look, and costs other browsers next to nothing.
 */
export async function awaitQueue<T>(queue: { submit(commands: GPUCommandBuffer[]): void }, result: Promise<T>): Promise<T> {
  const timer = setInterval(() => queue.submit([]), LOOK_INTERVAL_MS);
  try {
    return await result;
  } finally {
    clearInterval(timer);
  }
}
