import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** How often a chat is believed at once, and in the long run. */
const BURST = 3;
const PER_SECOND = 1 / 60;

/** What a chat says of a stage that hangs. */
export interface HungReport {
  epoch: number;
  peerId: PeerId;
}

interface Chat {
  believedEpoch: number;
  allowance: TokenBucket;
  pending: HungReport | null;
}

/**
 * What chats say of stages that hang: each is believed once for each plan, and cannot fail one plan after another. What it says beyond
 * that is believed when its time has come: the answer that waits for it is not given up.
 */
export class HungReports {
  private readonly clock: Clock;
  private readonly chats = new Map<PeerId, Chat>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(chat: PeerId, report: HungReport): void {
    const before = this.chats.get(chat) ?? {
      believedEpoch: 0,
      allowance: new TokenBucket(BURST, PER_SECOND, this.clock),
      pending: null,
    };
    if (before.believedEpoch !== report.epoch) this.chats.set(chat, { ...before, pending: report });
  }

  /** Those about this plan that are believed now. */
  believed(epoch: number): HungReport[] {
    return [...this.chats].flatMap(([peerId, chat]) => {
      const { pending, allowance } = chat;
      if (pending?.epoch !== epoch || !allowance.take()) return [];
      this.chats.set(peerId, { ...chat, believedEpoch: epoch, pending: null });
      return [pending];
    });
  }

  /** Forgets everybody else. */
  keep(present: ReadonlySet<PeerId>): void {
    for (const chat of this.chats.keys()) if (!present.has(chat)) this.chats.delete(chat);
  }
}
