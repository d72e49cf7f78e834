import type { PeerId } from '../shared/model/link-profile.ts';
import type { Run } from '../shared/protocol/frame.ts';
import type { PassState } from '../shared/protocol/peer.ts';

/** Passes that are remembered after they were sent on. */
const MAX_PASSED = 256;

/** A pass that was sent on. */
export interface SentPass {
  epoch: number;
  run: Run;
  to: PeerId;
}

/** What has become of a pass at this stage. */
export interface PassWord {
  state: PassState;
  sinceMs: number;
  expectedMs: number;
}

interface Entry {
  state: Exclude<PassState, 'unseen'>;
  atMs: number;
  expectedMs: number;
  sent: SentPass | null;
}

const UNSEEN: PassWord = { state: 'unseen', sinceMs: 0, expectedMs: 0 };

/** What a stage can tell a source that asks after a pass, and whom it has to tell when a link with passes on it breaks. */
export class PassLog {
  private readonly passes = new Map<string, Entry>();

  waiting(run: Run, expectedMs: number, atMs: number): void {
    this.passes.set(keyOf(run.source, run.request), { state: 'waiting', atMs, expectedMs, sent: null });
  }

  running(run: Run, atMs: number): void {
    const entry = this.passes.get(keyOf(run.source, run.request));
    if (entry) Object.assign(entry, { state: 'running', atMs });
  }

  passed(sent: SentPass, atMs: number): void {
    const key = keyOf(sent.run.source, sent.run.request);
    const expectedMs = this.passes.get(key)?.expectedMs ?? 0;
    this.passes.delete(key);
    this.passes.set(key, { state: 'passed', atMs, expectedMs, sent });
    this.forgetOldest();
  }

  /** The source knows that this one failed, or does not want to know. */
  forget({ source, request }: Run): void {
    this.passes.delete(keyOf(source, request));
  }

  wordOn(source: PeerId, request: number, nowMs: number): PassWord {
    const entry = this.passes.get(keyOf(source, request));
    if (!entry) return UNSEEN;
    return { state: entry.state, sinceMs: Math.max(0, nowMs - entry.atMs), expectedMs: entry.expectedMs };
  }

  /** Passes that were sent to a device whose link is gone; nobody knows whether they arrived. */
  takeSentTo(peerId: PeerId): SentPass[] {
    const sent = [...this.passes.values()].flatMap((entry) => (entry.sent?.to === peerId ? [entry.sent] : []));
    for (const { run } of sent) this.forget(run);
    return sent;
  }

  private forgetOldest(): void {
    if (this.passes.size <= MAX_PASSED) return;
    const oldest = [...this.passes].find(([, { state }]) => state === 'passed');
    if (oldest) this.passes.delete(oldest[0]);
  }
}

function keyOf(source: PeerId, request: number): string {
  return `${source}/${request}`;
}
