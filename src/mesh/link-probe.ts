import type { AppError } from '../shared/errors.ts';
import type { LinkMeasure } from '../shared/model/link-profile.ts';
import { FRAGMENT_BYTES, type PeerMessage } from '../shared/protocol/peer.ts';
import { estimateLink, needsBurst, type ProbeTimings } from './probe-estimate.ts';

const PINGS = 8;
const BURST_SENDS = 32;

type Probe = Extract<PeerMessage, { kind: 'probe' }>;

export interface LinkProbeOptions {
  /** Sends on the channel that carries activations; may throw. */
  send: (message: Probe) => void;
  /** A monotonic clock of fine resolution, ms. */
  nowMs: () => number;
  /** Ids that no other probe of this tab has. */
  nextId: () => number;
}

/**
 * Measures one link once: eight small and eight large pings in turn, and on a quick link two bursts of 128 KB. A slow link
 * is busy for a fraction of a second; a probe that saturates it would block it for seconds.
 */
export class LinkProbe {
  private readonly send: (message: Probe) => void;
  private readonly nowMs: () => number;
  private readonly nextId: () => number;
  private waiting: { id: number; resolve: () => void; reject: (reason: AppError) => void } | null = null;
  private aborted: AppError | null = null;

  constructor({ send, nowMs, nextId }: LinkProbeOptions) {
    this.send = send;
    this.nowMs = nowMs;
    this.nextId = nextId;
  }

  /** @throws AppError what `abort` was given, or what `send` threw */
  async run(): Promise<LinkMeasure> {
    const timings = await this.timePings();
    if (!needsBurst(timings)) return estimateLink(timings);
    // The first burst opens the congestion window. Emulated 40 Mbit/s: it alone says 24 at 5 ms and 5 at 52 ms round trip,
    // the second one says 36 and 16.
    await this.timeBurst();
    return estimateLink({ ...timings, burst: await this.timeBurst() });
  }

  /** The other side has answered a probe of this id; others than the one waited for are ignored. */
  acknowledge(id: number): void {
    if (this.waiting?.id !== id) return;
    this.waiting.resolve();
    this.waiting = null;
  }

  abort(reason: AppError): void {
    this.aborted = reason;
    this.waiting?.reject(reason);
    this.waiting = null;
  }

  /** In turn, so that a slow moment of the page or the network falls on both kinds. */
  private async timePings(): Promise<ProbeTimings> {
    const smallMs: number[] = [];
    const largeMs: number[] = [];
    for (let i = 0; i < PINGS; i++) {
      smallMs.push(await this.timePing(noPadding));
      largeMs.push(await this.timePing(largePadding));
    }
    return { smallMs, largeMs, largeBytes: FRAGMENT_BYTES, burst: null };
  }

  private async timePing(padding: Padding): Promise<number> {
    const startMs = this.nowMs();
    await this.ping(padding);
    return this.nowMs() - startMs;
  }

  private async timeBurst(): Promise<{ bytes: number; ms: number }> {
    const startMs = this.nowMs();
    for (let i = 1; i < BURST_SENDS; i++) {
      const id = this.nextId();
      this.send({ kind: 'probe', id, ack: false, padding: largePadding(id) });
    }
    await this.ping(largePadding);
    return { bytes: BURST_SENDS * FRAGMENT_BYTES, ms: this.nowMs() - startMs };
  }

  private ping(padding: Padding): Promise<void> {
    if (this.aborted) return Promise.reject(this.aborted);
    const id = this.nextId();
    const answered = new Promise<void>((resolve, reject) => {
      this.waiting = { id, resolve, reject };
    });
    this.send({ kind: 'probe', id, ack: true, padding: padding(id) });
    return answered;
  }
}

type Padding = (id: number) => string;

const noPadding: Padding = () => '';

/** Fills the message up to exactly one fragment; `false` and `true` differ by a byte that does not matter. */
function largePadding(id: number): string {
  const envelope = JSON.stringify({ kind: 'probe', id, ack: true, padding: '' } satisfies Probe);
  return 'x'.repeat(FRAGMENT_BYTES - 1 - envelope.length);
}
