import { AppError } from '../shared/errors.ts';
import type { LinkMeasure, PeerId } from '../shared/model/link-profile.ts';
import type { PeerMessage } from '../shared/protocol/peer.ts';
import { LinkProbe } from './link-probe.ts';

/** A probe takes 16 round trips; what has not finished by then tells nothing that a plan could use. */
const PROBE_DEADLINE_MS = 15_000;
/** A link that could not be measured is probed again: without a measurement no plan uses it. Doubles up to the most. */
const RETRY_MS = 5000;
const MOST_RETRY_MS = 60_000;
/**
 * What is measured while two tabs start tells more of their start than of the link: this long after it the link is measured
 * again, when nothing else goes over this tab's links, and then every two minutes, as people walk about with their phones.
 */
const CALM_MS = 10_000;
const REPEAT_MS = 120_000;

export interface ProbeQueueOptions {
  send: (to: PeerId, message: PeerMessage) => void;
  nowMs: () => number;
  onMeasured: (to: PeerId, measure: LinkMeasure) => void;
  /** True while no activations go over this tab's links: what is measured beside them tells nothing, and holds them up. */
  isQuiet: () => boolean;
}

/** When a link is probed next. */
interface Appointment {
  atMs: number;
  /** After this pause. */
  delayMs: number;
  isRetry: boolean;
}

interface Active {
  peerId: PeerId;
  probe: LinkProbe;
  untilMs: number;
  /** The link broke, whether or not there is another by now. */
  isGone: boolean;
}

/** Probes one link after another: two at once would measure each other. */
export class ProbeQueue {
  private readonly options: ProbeQueueOptions;
  private readonly waiting = new Set<PeerId>();
  private readonly appointments = new Map<PeerId, Appointment>();
  /** Counted over all probes: a late answer to one that was given up fits no other. */
  private nextId = 0;
  private active: Active | null = null;
  private clockMs = 0;

  constructor(options: ProbeQueueOptions) {
    this.options = options;
  }

  add(peerId: PeerId): void {
    this.waiting.add(peerId);
    this.next();
  }

  /** The link is gone. */
  remove(peerId: PeerId): void {
    this.waiting.delete(peerId);
    this.appointments.delete(peerId);
    if (this.active?.peerId !== peerId) return;
    this.active.isGone = true;
    this.active.probe.abort(new AppError('peer-lost', 'the link broke while it was measured'));
  }

  acknowledge(from: PeerId, id: number): void {
    if (this.active?.peerId === from) this.active.probe.acknowledge(id);
  }

  tick(clockMs: number): void {
    this.clockMs = clockMs;
    this.keepAppointments();
    if (!this.active || clockMs < this.active.untilMs) return;
    this.active.probe.abort(new AppError('link-timeout', `the link was not measured within ${PROBE_DEADLINE_MS} ms`));
  }

  private keepAppointments(): void {
    for (const [peerId, appointment] of this.appointments) {
      if (this.clockMs < appointment.atMs || !(appointment.isRetry || this.options.isQuiet())) continue;
      appointment.atMs = Number.POSITIVE_INFINITY;
      this.add(peerId);
    }
  }

  private next(): void {
    const [peerId] = this.waiting;
    if (this.active || peerId === undefined) return;
    this.waiting.delete(peerId);
    const { send, nowMs } = this.options;
    const probe = new LinkProbe({ send: (message) => send(peerId, message), nowMs, nextId: () => this.nextId++ });
    this.active = { peerId, probe, untilMs: this.clockMs + PROBE_DEADLINE_MS, isGone: false };
    void this.finish(this.active);
  }

  private async finish(active: Active): Promise<void> {
    const measure = await active.probe.run().catch(() => null);
    const { peerId } = active;
    this.active = null;
    if (!active.isGone) this.appoint(peerId, measure !== null);
    if (measure) this.options.onMeasured(peerId, measure);
    this.next();
  }

  private appoint(peerId: PeerId, isMeasured: boolean): void {
    const last = this.appointments.get(peerId);
    const delayMs = isMeasured ? repeatDelayMs(last) : retryDelayMs(last);
    this.appointments.set(peerId, { atMs: this.clockMs + delayMs, delayMs, isRetry: !isMeasured });
  }
}

function repeatDelayMs(last: Appointment | undefined): number {
  return last && !last.isRetry ? REPEAT_MS : CALM_MS;
}

function retryDelayMs(last: Appointment | undefined): number {
  return last?.isRetry ? Math.min(2 * last.delayMs, MOST_RETRY_MS) : RETRY_MS;
}
