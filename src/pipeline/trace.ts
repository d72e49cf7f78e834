import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import { isHung } from './hung.ts';
import type { PassWord } from './pass-log.ts';

/** A stage that says nothing for so long although its link is open, beyond what rows take on the way there, does not work any more, ms. */
export const SILENT_MS = 3000;
/** How much longer than predicted rows may be on their way between two devices: so many times, and so much, ms. */
const LINK_SLACK = 3;
const LINK_MARGIN_MS = 1500;

export interface TracedPass {
  plan: Plan;
  /** Of the pass and of those that were on their way when it was sent: links carry them in order. */
  rows: number;
  /** Of the reply, in rows of the usual size. */
  replyRows: number;
  endsAt: PeerId;
  /** Since the pass was sent, ms. */
  sinceMs: number;
  /** Since the stages were first asked, ms. */
  askedMs: number;
  /** What each stage said last. */
  words: ReadonlyMap<PeerId, PassWord>;
  isOpen(peerId: PeerId): boolean;
}

/** `hung`: that stage has the pass and does not come back from it, or says nothing. `lost`: the pass is nowhere. */
export type Verdict = { kind: 'wait' } | { kind: 'lost' } | { kind: 'hung'; peerId: PeerId };

const WAIT: Verdict = { kind: 'wait' };

/** Where a pass is that has had no reply for long, by what its stages say of it. */
export function verdictOn({ plan, rows, replyRows, endsAt, sinceMs, askedMs, words, isOpen }: TracedPass): Verdict {
  let onTheWayMs = sinceMs;
  for (const [i, { peerId }] of plan.stages.entries()) {
    const word = words.get(peerId);
    // A stage whose link is gone is told of by its link.
    if (!word && !isOpen(peerId)) return WAIT;
    if (!word) return askedMs > SILENT_MS + onLinkMs(plan, 0, rows) ? { kind: 'hung', peerId } : WAIT;
    if (word.state === 'unseen') return isOverdue(plan, i, rows, onTheWayMs) ? { kind: 'lost' } : WAIT;
    if (word.state === 'waiting') return WAIT;
    if (word.state === 'running') return isHung(word.sinceMs, word.expectedMs) ? { kind: 'hung', peerId } : WAIT;
    onTheWayMs = word.sinceMs;
    if (peerId === endsAt) return isOverdue(plan, plan.stages.length, replyRows, onTheWayMs) ? { kind: 'lost' } : WAIT;
  }
  return WAIT;
}

/** @param hop 0: from the source to the first stage, and so on */
function isOverdue(plan: Plan, hop: number, rows: number, onTheWayMs: number): boolean {
  return onTheWayMs > onLinkMs(plan, hop, rows) + LINK_MARGIN_MS;
}

function onLinkMs({ predicted }: Plan, hop: number, rows: number): number {
  return LINK_SLACK * rows * (predicted.linkMs[hop] ?? 0);
}
