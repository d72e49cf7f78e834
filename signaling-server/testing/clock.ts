import type { Clock } from '../clock.ts';

/** Where the date of the last clock began, ms: servers of a test are started one after another, a minute apart. */
let lastStartMs = Date.UTC(2026, 5, 1);

/** A clock that stands still until a test moves it, and then runs what is due in order. */
export class TestClock implements Clock {
  private readonly startMs: number;
  private nowMs = 0;
  private readonly timers = new Set<{ atMs: number; run: () => void }>();

  /** @param laterMs than the clock before it */
  constructor(laterMs = 60_000) {
    lastStartMs += laterMs;
    this.startMs = lastStartMs;
  }

  dateMs(): number {
    return this.startMs + this.nowMs;
  }

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Moves time on; promises that a timer's code waits for are let through in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (let next = this.due(endMs); next; next = this.due(endMs)) {
      this.timers.delete(next);
      this.nowMs = next.atMs;
      next.run();
      await settled();
    }
    this.nowMs = endMs;
    await settled();
  }

  private due(endMs: number) {
    return [...this.timers].filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
  }
}

/** Everything that was ready to run has run, and what that has put off until after it. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
