import { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';

/** Until when somebody waits for a plan, and what is wrong if none has come by then. */
export interface Patience {
  untilMs: number;
  error: AppError;
}

interface Waiting {
  afterEpoch: number;
  patience: Patience | null;
  resolve(plan: Plan): void;
  reject(error: AppError): void;
}

/** The plan that new tokens run under, and everybody who waits for one. */
export class CurrentPlan {
  private plan: Plan | null = null;
  private readonly waiting = new Set<Waiting>();

  get value(): Plan | null {
    return this.plan;
  }

  set(plan: Plan | null): void {
    this.plan = plan;
    if (!plan) return;
    for (const one of this.waiting) {
      if (plan.epoch <= one.afterEpoch) continue;
      this.waiting.delete(one);
      one.resolve(plan);
    }
  }

  /**
   * The plan, or the first that comes, if it is newer than `afterEpoch`.
   * @throws AppError stopped when aborted before; what `patience` says when it ends
   */
  newerThan(afterEpoch: number, signal: AbortSignal, patience: Patience | null): Promise<Plan> {
    const { plan } = this;
    if (signal.aborted) return Promise.reject(stopped());
    if (plan && plan.epoch > afterEpoch) return Promise.resolve(plan);
    return new Promise((resolve, reject) => {
      const one = { afterEpoch, patience, resolve, reject };
      this.waiting.add(one);
      signal.addEventListener('abort', () => this.waiting.delete(one) && reject(stopped()), { once: true });
    });
  }

  expire(nowMs: number): void {
    for (const one of this.waiting) {
      if (!one.patience || nowMs <= one.patience.untilMs) continue;
      this.waiting.delete(one);
      one.reject(one.patience.error);
    }
  }
}

function stopped(): AppError {
  return new AppError('stopped', 'stopped before the room had a plan');
}
