import type { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';
import { stopped } from './abort.ts';

/** Until when somebody waits for a plan, and what is wrong if none has come by then. */
export interface Patience {
  untilMs: number;
  /** How long it waits in a room that says, and goes on saying, that it cannot be planned, ms. */
  hopelessMs: number;
  error: AppError;
}

interface Waiting {
  isWanted(plan: Plan): boolean;
  patience: Patience;
  /** Since when the room says that it cannot be planned. */
  hopelessSinceMs: number | null;
  resolve(plan: Plan): void;
  reject(error: AppError): void;
}

/** The plan that new tokens run under, and everybody who waits for one. */
export class CurrentPlan {
  private plan: Plan | null = null;
  private isHopeless = false;
  private ended: AppError | null = null;
  private readonly waiting = new Set<Waiting>();

  get value(): Plan | null {
    return this.plan;
  }

  /** @param isHopeless there is none, and the room says that none can be made */
  set(plan: Plan | null, isHopeless = false): void {
    this.plan = plan;
    this.isHopeless = isHopeless;
    this.look();
  }

  /** To be called when something has changed that the wishes of those who wait depend on. */
  look(): void {
    const { plan } = this;
    if (!plan) return;
    for (const one of this.waiting) {
      if (!one.isWanted(plan)) continue;
      this.waiting.delete(one);
      one.resolve(plan);
    }
  }

  /**
   * The plan, or the first that comes, that is wanted.
   * @throws AppError stopped when aborted before; what `patience` says when it ends; what everything ended with
   */
  when(isWanted: (plan: Plan) => boolean, signal: AbortSignal, patience: Patience): Promise<Plan> {
    const { plan } = this;
    if (this.ended) return Promise.reject(this.ended);
    if (signal.aborted) return Promise.reject(stopped());
    if (plan && isWanted(plan)) return Promise.resolve(plan);
    return new Promise((resolve, reject) => {
      const abort = () => this.waiting.delete(one) && one.reject(stopped());
      const settled = () => signal.removeEventListener('abort', abort);
      const one: Waiting = {
        isWanted,
        patience,
        hopelessSinceMs: null,
        resolve: (plan) => {
          settled();
          resolve(plan);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.waiting.add(one);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Called every half second by the worker's clock. */
  tick(nowMs: number): void {
    this.look();
    for (const one of this.waiting) {
      one.hopelessSinceMs = this.isHopeless ? (one.hopelessSinceMs ?? nowMs) : null;
      const { untilMs, hopelessMs } = one.patience;
      if (nowMs <= untilMs && (one.hopelessSinceMs === null || nowMs - one.hopelessSinceMs <= hopelessMs)) continue;
      this.waiting.delete(one);
      one.reject(one.patience.error);
    }
  }

  /** Nobody gets a plan any more. */
  end(error: AppError): void {
    this.ended = error;
    for (const one of this.waiting) one.reject(error);
    this.waiting.clear();
  }
}
