import type { Clock } from './clock.ts';

/** A sender's allowance: `burst` messages at once, `perSecond` in the long run. */
export class TokenBucket {
  private tokens: number;
  private lastMs: number;
  private readonly burst: number;
  private readonly perSecond: number;
  private readonly clock: Clock;

  constructor(burst: number, perSecond: number, clock: Clock) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.clock = clock;
    this.tokens = burst;
    this.lastMs = clock.now();
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    if (!this.hasToken()) return false;
    this.tokens -= 1;
    return true;
  }

  giveBack(): void {
    this.tokens = Math.min(this.burst, this.tokens + 1);
  }

  hasToken(): boolean {
    const nowMs = this.clock.now();
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.lastMs) * this.perSecond) / 1000);
    this.lastMs = nowMs;
    return this.tokens >= 1;
  }
}
