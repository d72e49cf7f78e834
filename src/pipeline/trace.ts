import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import { isHung } from './hung.ts';
import type { PassWord } from './pass-log.ts';

/** A stage that says nothing for so long although its link is open does not work any more, ms. */
export const SILENT_MS = 4000;
/** How much longer than predicted rows may be on their way between two devices: so many times, and so much, ms. */
const LINK_SLACK = 3;
const LINK_MARGIN_MS = 1500;

export interface TracedPass {
  plan: Plan;
  rows: number;
  endsAt: PeerId;
  /** Since the pass was sent, ms. */
  sinceMs: number;
  /** Since the stages were first asked, ms. */
  askedMs: number;
  /** What each stage said last. */
  words: ReadonlyMap<PeerId, PassWord>;
}

/** `hung`: that stage has the pass and does not come back from it, or says nothing. `lost`: the pass is nowhere. */
export type Verdict = { kind: 'wait' } | { kind: 'lost' } | { kind: 'hung'; peerId: PeerId };

const WAIT: Verdict = { kind: 'wait' };

/** Where a pass is that has had no reply for long, by what its stages say of it. */
export function verdictOn({ plan, rows, endsAt, sinceMs, askedMs, words }: TracedPass): Verdict {
  let onTheWayMs = sinceMs;
  for (const [i, { peerId }] of plan.stages.entries()) {
    const word = words.get(peerId);
    if (!word) return askedMs > SILENT_MS ? { kind: 'hung', peerId } : WAIT;
    if (word.state === 'unseen') return isOverdue(plan, i, rows, onTheWayMs) ? { kind: 'lost' } : WAIT;
    if (word.state === 'waiting') return WAIT;
    if (word.state === 'running') return isHung(word.sinceMs, word.expectedMs) ? { kind: 'hung', peerId } : WAIT;
    onTheWayMs = word.sinceMs;
    if (peerId === endsAt) return isOverdue(plan, plan.stages.length, rows, onTheWayMs) ? { kind: 'lost' } : WAIT;
  }
  return WAIT;
}

/** @param hop 0: from the source to the first stage, and so on */
function isOverdue({ predicted }: Plan, hop: number, rows: number, onTheWayMs: number): boolean {
  return onTheWayMs > LINK_SLACK * rows * (predicted.linkMs[hop] ?? 0) + LINK_MARGIN_MS;
}
