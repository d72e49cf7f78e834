import type { Plan } from '../shared/model/plan.ts';
import type { ToWorker } from '../workers/messages.ts';

/**
 * Tells the worker of each plan once, in order: the server names a plan in its own message and again in every state of the
 * room, so that whoever joins late hears of it too.
 */
export class PlanFeed {
  private readonly send: (message: ToWorker) => void;
  private readonly plans = new Map<number, Plan>();
  private activeEpoch = 0;

  constructor(send: (message: ToWorker) => void) {
    this.send = send;
  }

  prepare(plan: Plan): void {
    if (this.plans.has(plan.epoch) || plan.epoch <= this.activeEpoch) return;
    this.plans.set(plan.epoch, plan);
    this.send({ kind: 'prepare', plan });
  }

  activate(epoch: number): void {
    const plan = this.plans.get(epoch);
    if (!plan || epoch <= this.activeEpoch) return;
    this.activeEpoch = epoch;
    for (const known of this.plans.keys()) if (known <= epoch) this.plans.delete(known);
    this.send({ kind: 'activate', plan });
  }

  /** What a state of the room says. @param isHopeless no plan can be made of the room as it is */
  state(active: Plan | null, preparing: Plan | null, isHopeless: boolean): void {
    if (preparing) this.prepare(preparing);
    if (active && active.epoch > this.activeEpoch) {
      this.plans.set(active.epoch, active);
      this.activate(active.epoch);
    }
    if (!active) this.send({ kind: 'no-plan', isHopeless: isHopeless && !preparing });
  }

  /** For joining anew: the worker starts anew as well. */
  reset(): void {
    this.plans.clear();
    this.activeEpoch = 0;
  }
}
