import { AppError } from '../shared/errors.ts';
import { TransientFailure } from './range-response.ts';

/** One request whose every step must bring something in time, and that ends with the request or when somebody stops it. */
export class TimedRequest {
  /** For fetch. */
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly stoppers: AbortSignal[];
  private readonly stallTimeoutMs: number;

  constructor(stallTimeoutMs: number, stoppers: AbortSignal[]) {
    this.stallTimeoutMs = stallTimeoutMs;
    this.stoppers = stoppers;
    this.signal = AbortSignal.any([...stoppers, this.controller.signal]);
  }

  /** The clock runs only here: a reader that is slow to take what has arrived is no stall. @throws AppError stopped; TransientFailure */
  async within<T>(step: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.controller.abort(), this.stallTimeoutMs);
    try {
      return await step();
    } catch (cause) {
      throwIfStopped(this.stoppers);
      const stalled = this.controller.signal.aborted;
      throw new TransientFailure(stalled ? `nothing arrived for ${this.stallTimeoutMs} ms` : 'the connection failed', { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whatever is still on its way is not downloaded. */
  end(): void {
    this.controller.abort();
  }
}

/** @throws AppError stopped */
export function throwIfStopped(stoppers: AbortSignal[]): void {
  if (stoppers.some(({ aborted }) => aborted)) throw new AppError('stopped', 'loading the model was stopped');
}

/** @throws AppError stopped */
export async function waitMs(delayMs: number, stoppers: AbortSignal[]): Promise<void> {
  throwIfStopped(stoppers);
  await new Promise<void>((resolve) => {
    setTimeout(resolve, delayMs);
    AbortSignal.any(stoppers).addEventListener('abort', () => resolve(), { once: true });
  });
  throwIfStopped(stoppers);
}
