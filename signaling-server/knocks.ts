import { AppError } from '../src/shared/errors.ts';
import type { Clock } from './clock.ts';

type Answer = 'allowed' | 'declined' | 'closing';

/** Everybody who waits for a host of this room to let them in. */
export class Knocks {
  private readonly clock: Clock;
  private readonly knockMs: number;
  private readonly code: string;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  constructor(clock: Clock, knockMs: number, code: string) {
    this.clock = clock;
    this.knockMs = knockMs;
    this.code = code;
  }

  get size(): number {
    return this.waiting.size;
  }

  /** @throws AppError not-allowed, nobody-allows; server-unreachable when it stops; stopped when the signal aborts */
  wait(knockId: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      const over = (error: AppError | null) => {
        cancel();
        signal.removeEventListener('abort', withdraw);
        this.waiting.delete(knockId);
        if (error) reject(error);
        else resolve();
      };
      const withdraw = () => over(gone());
      const cancel = this.clock.after(this.knockMs, () => over(this.nobodyAllows()));
      signal.addEventListener('abort', withdraw, { once: true });
      this.waiting.set(knockId, (answer) => over(this.refusal(answer)));
    });
  }

  /** @throws AppError peer-not-found */
  answer(knockId: number, allow: boolean): void {
    const settle = this.waiting.get(knockId);
    if (!settle) throw new AppError('peer-not-found', 'whoever knocked has gone');
    settle(allow ? 'allowed' : 'declined');
  }

  close(): void {
    for (const settle of [...this.waiting.values()]) settle('closing');
  }

  private nobodyAllows(): AppError {
    return new AppError('nobody-allows', `nobody in room ${this.code} answered within ${this.knockMs / 1000} s`);
  }

  private refusal(answer: Answer): AppError | null {
    if (answer === 'allowed') return null;
    if (answer === 'closing') return new AppError('server-unreachable', 'the server is about to stop');
    return new AppError('not-allowed', `a host of room ${this.code} did not let this device in`);
  }
}

function gone(): AppError {
  return new AppError('stopped', 'whoever knocked has gone');
}
