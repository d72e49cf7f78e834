import type { Plan } from '../shared/model/plan.ts';
import { effectiveContext } from '../shared/model/room-settings.ts';
import type { RoomState } from '../shared/protocol/signaling.ts';
import type { ToWorker } from '../workers/messages.ts';

/** The part of a room's state that plans depend on, and the plans that it names. */
export type PlanningState = Pick<RoomState, 'settings' | 'model' | 'plan' | 'preparing' | 'problem'>;

/**
 * Tells the worker of each plan once, in order: the server names a plan in its own message and again in the state of the room, so
 * that whoever joins late hears of it too. A plan that overtakes the settings which it was made for waits for them: the worker would
 * drop it with the model that it still has open.
 */
export class PlanFeed {
  private readonly send: (message: ToWorker) => void;
  private readonly plans = new Map<number, Plan>();
  private room: PlanningState | null = null;
  private overtaking: Plan | null = null;
  private activeEpoch = 0;

  constructor(send: (message: ToWorker) => void) {
    this.send = send;
  }

  prepare(plan: Plan): void {
    if (this.plans.has(plan.epoch) || plan.epoch <= this.activeEpoch) return;
    const fits = this.room !== null && isFor(plan, this.room);
    this.overtaking = fits ? null : plan;
    if (!fits) return;
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

  /** A new state of the room, after the worker has heard of its model. */
  state(room: PlanningState): void {
    this.room = room;
    const { plan: active, preparing, problem } = room;
    if (preparing) this.prepare(preparing);
    if (this.overtaking) this.prepare(this.overtaking);
    if (active && active.epoch > this.activeEpoch) {
      this.plans.set(active.epoch, active);
      this.activate(active.epoch);
    }
    if (!active) this.send({ kind: 'no-plan', isHopeless: problem !== null && !preparing });
  }

  /** For a worker that starts anew. */
  reset(): void {
    this.plans.clear();
    this.room = null;
    this.overtaking = null;
    this.activeEpoch = 0;
  }
}

function isFor(plan: Plan, { settings, model }: PlanningState): boolean {
  if (model === null || plan.modelUrl !== settings.modelUrl || plan.sourceLayers !== settings.sourceLayers) return false;
  if (plan.stages.at(-1)?.head === settings.headOnSource) return false;
  return plan.contextLength === effectiveContext(settings, model.contextLength);
}
