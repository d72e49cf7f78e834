import type { PeerId } from '../shared/model/link-profile.ts';
import type { PeerMessage } from '../shared/protocol/peer.ts';
import type { PassWord } from './pass-log.ts';
import type { PendingPass } from './reply-waiter.ts';
import { type Verdict, verdictOn } from './trace.ts';
import type { Transport } from './transport.ts';

/** A pass without a reply is asked after when it is so late, and then again at every tick, ms. */
const TRACE_AFTER_MS = 1000;

export type Traced = Extract<PeerMessage, { kind: 'traced' }>;

/** Asks the stages after the pass that has been on its way for longest, and says where it got stuck. */
export class Tracer {
  private readonly transport: Transport;
  private traced: { request: number; askedMs: number; words: Map<PeerId, PassWord> } | null = null;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /**
   * @param oldest sent at `sentMs` of the same clock as `nowMs`, one that stands still while this tab sleeps
   */
  tick(oldest: PendingPass | null, nowMs: number): Verdict {
    if (!oldest || nowMs - oldest.sentMs < TRACE_AFTER_MS) {
      this.traced = null;
      return { kind: 'wait' };
    }
    if (this.traced?.request !== oldest.request) {
      this.traced = { request: oldest.request, askedMs: nowMs, words: new Map() };
    }
    const { plan, rows, replyRows, endsAt, request } = oldest;
    for (const { peerId } of plan.stages) this.ask(peerId, plan.epoch, request);
    const { words, askedMs } = this.traced;
    return verdictOn({
      plan,
      rows,
      replyRows,
      endsAt,
      sinceMs: nowMs - oldest.sentMs,
      askedMs: nowMs - askedMs,
      words,
      isOpen: (peerId) => this.transport.isOpen(peerId),
    });
  }

  hear(from: PeerId, { request, state, sinceMs, expectedMs }: Traced): void {
    if (this.traced?.request === request) this.traced.words.set(from, { state, sinceMs, expectedMs });
  }

  private ask(peerId: PeerId, epoch: number, request: number): void {
    try {
      this.transport.sendMessage(peerId, { kind: 'trace', epoch, request });
    } catch {
      // A stage whose link is gone is told of by its link.
    }
  }
}
