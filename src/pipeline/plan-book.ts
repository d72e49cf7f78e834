import type { Plan } from '../shared/model/plan.ts';

/** Frames of older plans are not on their way any more. */
const MAX_PLANS = 16;

/**
 * Every plan that this tab has lately heard of, whether or not it still serves it: who may send what under a plan is known even
 * when the plan itself is over.
 */
export class PlanBook {
  private readonly plans = new Map<number, Plan>();

  remember(plan: Plan): void {
    this.plans.delete(plan.epoch);
    this.plans.set(plan.epoch, plan);
    const [oldest] = this.plans.keys();
    if (this.plans.size > MAX_PLANS) this.plans.delete(oldest!);
  }

  get(epoch: number): Plan | null {
    return this.plans.get(epoch) ?? null;
  }
}
