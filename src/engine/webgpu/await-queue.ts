/** How often a browser that looks only now and then is made to look, ms: longer than a short forward takes. */
const LOOK_INTERVAL_MS = 4;

/**
 * Waits for what a queue's work brings. Firefox looks only ten times a second whether work is done, unless more is submitted: an
 * empty submission makes it look. Others tell at once, and would only be woken by it.
 */
export async function awaitQueue<T>(
  queue: { submit(commands: GPUCommandBuffer[]): void },
  result: Promise<T>,
  userAgent = globalThis.navigator?.userAgent ?? '',
): Promise<T> {
  if (!userAgent.includes('Firefox/')) return result;
  const timer = setInterval(() => queue.submit([]), LOOK_INTERVAL_MS);
  try {
    return await result;
  } finally {
    clearInterval(timer);
  }
}
