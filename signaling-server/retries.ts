import type { ErrorReport } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Clock } from './clock.ts';

/** A device that fails again and again is tried every quarter of an hour or so. */
const MOST_DOUBLINGS = 6;

/** A device that may get a second chance, as long as this is what is wrong with it. */
export interface Retry {
  peerId: PeerId;
  problem: ErrorReport;
}

/** Second chances that wait for their time: later and later with every failure. */
export class Retries {
  private readonly clock: Clock;
  private readonly firstMs: number;
  private readonly retry: (retry: Retry) => void;
  private readonly waiting = new Set<() => void>();

  /** @param firstMs from a first failure to the next try */
  constructor(clock: Clock, firstMs: number, retry: (retry: Retry) => void) {
    this.clock = clock;
    this.firstMs = firstMs;
    this.retry = retry;
  }

  later({ peerId, problem, failures }: Retry & { failures: number }): void {
    const waitMs = this.firstMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS);
    const cancel = this.clock.after(waitMs, () => {
      this.waiting.delete(cancel);
      this.retry({ peerId, problem });
    });
    this.waiting.add(cancel);
  }

  close(): void {
    for (const cancel of this.waiting) cancel();
  }
}
