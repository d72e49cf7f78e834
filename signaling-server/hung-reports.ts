import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** How often a chat is believed at once, and in the long run. */
const BURST = 3;
const PER_SECOND = 1 / 60;

/** What chats say of stages that hang: each is believed once for each plan, and cannot fail one plan after another. */
export class HungReports {
  private readonly clock: Clock;
  private readonly chats = new Map<PeerId, { epoch: number; allowance: TokenBucket }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  isBelieved(chat: PeerId, epoch: number): boolean {
    const before = this.chats.get(chat) ?? { epoch: 0, allowance: new TokenBucket(BURST, PER_SECOND, this.clock) };
    if (before.epoch === epoch || !before.allowance.take()) return false;
    this.chats.set(chat, { ...before, epoch });
    return true;
  }

  /** Forgets everybody else. */
  keep(present: ReadonlySet<PeerId>): void {
    for (const chat of this.chats.keys()) if (!present.has(chat)) this.chats.delete(chat);
  }
}
