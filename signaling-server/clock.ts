/** Time as the server sees it, so that tests can move it. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** Runs once after the delay; the answer calls it off. */
  after(delayMs: number, run: () => void): () => void;
}

/** Timers do not keep the process alive: the listening sockets do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
