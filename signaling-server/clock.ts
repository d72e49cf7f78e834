/** Time as the server sees it, so that tests can move it. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** What the calendar says, ms since 1970: another process, before or after this one, reads the same. */
  dateMs(): number;
  /** Runs once after the delay; the answer calls it off. */
  after(delayMs: number, run: () => void): () => void;
}

/** Timers do not keep the process alive: the listening sockets do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  dateMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
