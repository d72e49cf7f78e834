/** Rounds without a better bound, after which prices go back to their best and move by less. */
const PATIENCE = 8;
const SLOWER = 1.5;
const LAST_STEP = 0.05;

/**
 * Prices that make a bound large, moved along its subgradient (Held and Karp, Math. Programming 1, 1971). The first ones
 * are of visits to devices, the others of cuts.
 */
export class Prices {
  now: Float64Array;
  best: Float64Array;
  bestBoundMs = 0;
  /** Prices that may be below zero: of visits that must be. */
  private isFree: readonly boolean[];
  private step = 1;
  private stale = 0;

  constructor(start: Float64Array, isFree: readonly boolean[]) {
    this.now = start;
    this.best = start;
    this.isFree = isFree;
  }

  /** True when no step is worth taking any more. */
  get isSettled(): boolean {
    return this.step <= LAST_STEP;
  }

  /** Remembers the best prices so far, and goes back to them when nothing better came for long. */
  learn(boundMs: number): void {
    if (boundMs > this.bestBoundMs) {
      this.bestBoundMs = boundMs;
      this.best = this.now;
      this.stale = 0;
    } else if (++this.stale >= PATIENCE) {
      this.stale = 0;
      this.step /= SLOWER;
      this.now = this.best;
    }
  }

  /** @param slope how far the last walk is from what prices ask for. @param targetMs what its bound should come to. */
  move(slope: Float64Array, boundMs: number, targetMs: number): void {
    for (let i = 0; i < slope.length; i++) if (slope[i]! < 0 && this.now[i]! <= 0 && !this.isFree[i]) slope[i] = 0;
    const norm = slope.reduce((sum, one) => sum + one * one, 0);
    if (norm === 0) return;
    const length = (this.step * Math.max(targetMs - boundMs, 0)) / norm;
    this.now = this.now.map((ms, i) => (this.isFree[i] ? ms + length * slope[i]! : Math.max(0, ms + length * slope[i]!)));
  }

  /** Goes on from the best prices with only some of them. */
  keep(kept: readonly number[]): void {
    this.best = Float64Array.from(kept, (i) => this.best[i]!);
    this.isFree = kept.map((i) => this.isFree[i]!);
    this.now = this.best;
  }
}
