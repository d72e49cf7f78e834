import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import type { Clock } from './clock.ts';
import type { PlannerRunner } from './planner-runner.ts';
import { isMeasured, planningProblem } from './room-planning.ts';
import { memberOf, type Room, servesPlan } from './room-state.ts';
import type { RoomTimes } from './room-times.ts';

export interface ReplannerOptions {
  planner: PlannerRunner;
  clock: Clock;
  times: Pick<RoomTimes, 'settleMs' | 'unmeasuredMs' | 'patienceMs'>;
  room(): Room;
  onPlanned(asked: PlanningProblem, result: PlanResult): void;
  /** Planning threw. */
  onFault(thrown: unknown): void;
}

/** Asks for a room's next plan once its changes have settled, or have gone on for long enough. A newer question makes an older answer void. */
export class Replanner {
  private readonly options: ReplannerOptions;
  private cancel: (() => void) | null = null;
  private firstChangeMs: number | null = null;
  private asks = 0;
  private closed = false;

  constructor(options: ReplannerOptions) {
    this.options = options;
  }

  /** To be called after every change that another plan may follow from. */
  soon(): void {
    const { clock, times, room, onFault } = this.options;
    const nowMs = clock.now();
    this.firstChangeMs ??= nowMs;
    this.cancel?.();
    const waitMs = isMeasured(room()) ? times.settleMs : times.unmeasuredMs;
    const leftMs = Math.max(0, this.firstChangeMs + times.patienceMs - nowMs);
    this.cancel = clock.after(Math.min(waitMs, leftMs), () => void this.replan().catch(onFault));
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private async replan(): Promise<void> {
    const { planner, room, onPlanned } = this.options;
    this.cancel = null;
    this.firstChangeMs = null;
    const asked = planningProblem(room());
    if (!asked || isWaitingForStage(room())) return;
    const ask = ++this.asks;
    const result = await planner.plan(room().code, asked);
    if (!result || this.closed || ask !== this.asks) return;
    onPlanned(asked, result);
  }
}

/** A stage whose connection is lost comes back, or leaves; either way the room is looked at again then. */
function isWaitingForStage(room: Room): boolean {
  const { plan, members } = room;
  if (!members.some(({ connected }) => connected)) return true;
  if (!plan || !servesPlan(room, plan)) return false;
  return plan.stages.some(({ peerId }) => memberOf(room, peerId)?.connected === false);
}
