/** A tab that slept finds a longer time gone: so much of it counts, as nobody could do anything meanwhile. */
const LONGEST_TICK_MS = 1000;

/** Time in which this tab was awake, ms. What hangs is found by it: a device that was asleep has not hung. */
export class AwakeClock {
  private lastMs: number | null = null;
  private awakeMs = 0;

  get ms(): number {
    return this.awakeMs;
  }

  /** To be called about every 500 ms. */
  tick(nowMs: number): void {
    const elapsedMs = nowMs - (this.lastMs ?? nowMs);
    this.lastMs = nowMs;
    this.awakeMs += Math.min(Math.max(elapsedMs, 0), LONGEST_TICK_MS);
  }
}
