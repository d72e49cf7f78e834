import type { PeerId } from '../shared/model/link-profile.ts';
import type { Run } from '../shared/protocol/frame.ts';
import type { PassState } from '../shared/protocol/peer.ts';

/** Passes that are remembered after they were sent on. */
const MAX_SENT = 256;

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
}

const UNSEEN: PassWord = { state: 'unseen', sinceMs: 0, expectedMs: 0 };

/** What a stage can tell a source that asks after a pass, and whom it has to tell when a link with passes on it breaks. */
export class PassLog {
  /** Passes that this stage has: as many as rows may wait. */
  private readonly present = new Map<string, Entry>();
  /** The latest of those that it sent on, oldest first. */
  private readonly sent = new Map<string, Entry & { sent: SentPass }>();

  waiting(run: Run, expectedMs: number, atMs: number): void {
    this.present.set(keyOf(run.source, run.request), { state: 'waiting', atMs, expectedMs });
  }

  running(run: Run, atMs: number): void {
    const entry = this.present.get(keyOf(run.source, run.request));
    if (entry) Object.assign(entry, { state: 'running', atMs });
  }

  passed(sent: SentPass, atMs: number): void {
    const key = keyOf(sent.run.source, sent.run.request);
    this.present.delete(key);
    this.sent.delete(key);
    this.sent.set(key, { state: 'passed', atMs, expectedMs: 0, sent });
    const [oldest] = this.sent.keys();
    if (this.sent.size > MAX_SENT) this.sent.delete(oldest!);
  }

  /** The source knows that this one failed, or does not want to know. */
  forget({ source, request }: Run): void {
    this.present.delete(keyOf(source, request));
    this.sent.delete(keyOf(source, request));
  }

  wordOn(source: PeerId, request: number, nowMs: number): PassWord {
    const key = keyOf(source, request);
    const entry = this.present.get(key) ?? this.sent.get(key);
    if (!entry) return UNSEEN;
    return { state: entry.state, sinceMs: Math.max(0, nowMs - entry.atMs), expectedMs: entry.expectedMs };
  }

  /** Passes that were sent to a device whose link is gone; nobody knows whether they arrived. */
  takeSentTo(peerId: PeerId): SentPass[] {
    const sent = [...this.sent.values()].flatMap((entry) => (entry.sent.to === peerId ? [entry.sent] : []));
    for (const { run } of sent) this.forget(run);
    return sent;
  }
}

function keyOf(source: PeerId, request: number): string {
  return `${source}/${request}`;
}
