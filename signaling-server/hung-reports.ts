import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Plan } from '../src/shared/model/plan.ts';
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** How often the chats of a room are believed at once, and in the long run. */
const BURST = 3;
const PER_SECOND = 1 / 60;

/** What a chat says of a stage that hangs. */
export interface HungReport {
  epoch: number;
  peerId: PeerId;
}

/**
 * What chats say of stages that hang: the first is believed for each plan, and all of them together cannot fail one plan after another,
 * however often they come anew. What is said beyond that is believed when its time has come: the answer that waits for it is not given up.
 */
export class HungReports {
  private readonly allowance: TokenBucket;
  private pending: HungReport | null = null;
  private believedEpoch = 0;

  constructor(clock: Clock) {
    this.allowance = new TokenBucket(BURST, PER_SECOND, clock);
  }

  /** @param plan the one that serves: a report about another one, or about a device without a part in it, means nothing */
  add(plan: Plan | null, report: HungReport): void {
    const { epoch, peerId } = report;
    if (plan?.epoch !== epoch || !plan.stages.some((stage) => stage.peerId === peerId)) return;
    if (epoch !== this.believedEpoch && epoch !== this.pending?.epoch) this.pending = report;
  }

  /** The one about this plan that is believed now. */
  believed(epoch: number): HungReport | null {
    const { pending } = this;
    if (pending?.epoch !== epoch || !this.allowance.take()) return null;
    this.believedEpoch = epoch;
    this.pending = null;
    return pending;
  }
}
