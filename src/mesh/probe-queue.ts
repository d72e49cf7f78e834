import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { PeerMessage } from '../shared/protocol/peer.ts';
import type { LinkMeasure } from '../shared/protocol/signaling.ts';
import { LinkProbe } from './link-probe.ts';

/** A probe takes 16 round trips; what has not finished by then tells nothing that a plan could use. */
const PROBE_DEADLINE_MS = 15_000;

export interface ProbeQueueOptions {
  send: (to: PeerId, message: PeerMessage) => void;
  nowMs: () => number;
  onMeasured: (to: PeerId, measure: LinkMeasure) => void;
}

/** Probes one link after another: two at once would measure each other. */
export class ProbeQueue {
  readonly #options: ProbeQueueOptions;
  readonly #waiting = new Set<PeerId>();
  #active: { peerId: PeerId; probe: LinkProbe; untilMs: number } | null = null;
  #clockMs = 0;

  constructor(options: ProbeQueueOptions) {
    this.#options = options;
  }

  add(peerId: PeerId): void {
    this.#waiting.add(peerId);
    this.#next();
  }

  /** The link is gone. */
  remove(peerId: PeerId): void {
    this.#waiting.delete(peerId);
    if (this.#active?.peerId === peerId)
      this.#active.probe.abort(new AppError('peer-lost', 'the link broke while it was measured'));
  }

  acknowledge(from: PeerId, id: number): void {
    if (this.#active?.peerId === from) this.#active.probe.acknowledge(id);
  }

  tick(clockMs: number): void {
    this.#clockMs = clockMs;
    if (!this.#active || clockMs < this.#active.untilMs) return;
    this.#active.probe.abort(new AppError('link-timeout', `the link was not measured within ${PROBE_DEADLINE_MS} ms`));
  }

  #next(): void {
    const [peerId] = this.#waiting;
    if (this.#active || peerId === undefined) return;
    this.#waiting.delete(peerId);
    const { send, nowMs } = this.#options;
    const probe = new LinkProbe({ send: (message) => send(peerId, message), nowMs });
    this.#active = { peerId, probe, untilMs: this.#clockMs + PROBE_DEADLINE_MS };
    void this.#finish(peerId, probe);
  }

  /** A link that could not be measured is reported by its own state, or stays unmeasured. */
  async #finish(peerId: PeerId, probe: LinkProbe): Promise<void> {
    const measure = await probe.run().catch(() => null);
    this.#active = null;
    if (measure) this.#options.onMeasured(peerId, measure);
    this.#next();
  }
}
