import * as v from 'valibot';
import { AppError } from '../shared/errors.ts';
import type { LinkMeasure, PeerId } from '../shared/model/link-profile.ts';
import { type PeerMessage, PeerMessageSchema, type PipelineMessage } from '../shared/protocol/peer.ts';
import type { IceServers, SignalData } from '../shared/protocol/signaling.ts';
import type { LinkState } from './link-state.ts';
import { type Link, PeerLink, type PeerLinkOptions } from './peer-link.ts';
import { ProbeQueue } from './probe-queue.ts';
import { type OpenLink, RoomLink } from './room-link.ts';

/** So many messages that do not fit the protocol, in so much time, end a link: by then it is no accident. */
export const MAX_BAD_MESSAGES = 8;
const BAD_MESSAGES_MS = 60_000;
/** A tab that was frozen finds a longer time gone; what arrived meanwhile waits to be read, so nobody is late yet. */
const LONGEST_TICK_MS = 1000;
/** Without a frame for so long this tab takes part in no answer, and without a bulk message in no transfer, ms. */
const QUIET_MS = 2000;

export interface MeshEvents {
  onControl(from: PeerId, message: PipelineMessage): void;
  /** The buffer is the receiver's to keep or to transfer. */
  onFrame(from: PeerId, frame: ArrayBuffer): void;
  /** A whole bulk message, to keep or transfer; while the promise is not settled, little more comes from that device. */
  onBulk(from: PeerId, data: ArrayBuffer): void | Promise<void>;
  /** After every change. From `open` to anything else: what was on its way to or from that device may be lost. */
  onLinkState(link: LinkState): void;
  onLinkMeasured(to: PeerId, measure: LinkMeasure): void;
  /** A message that does not fit the protocol was dropped. */
  onBadMessage(from: PeerId): void;
}

export interface MeshOptions {
  selfId: PeerId;
  /** As the server gives them; [] for none. */
  iceServers: IceServers;
  /** Brings a WebRTC signal to another tab through the server. */
  sendSignal: (to: PeerId, data: SignalData) => void;
  events: MeshEvents;
  /**
   * Acts after the way from here to the pipeline's thread and back. Probes go it, at both ends, as activations do: a busy or slow
   * device makes every hop longer. At once when left out.
   */
  viaPipeline?: (act: () => void) => void;
  /** For tests. */
  openLink?: (link: PeerLinkOptions) => Link;
  /** Times probes; `performance.now` by default. */
  nowMs?: () => number;
}

/**
 * Direct links from this tab to every other tab of its room: sets them up, keeps them alive, measures each when it
 * opens and now and then when nothing else goes over them. Owns no timer: `tick` drives it.
 */
export class Mesh {
  private readonly selfId: PeerId;
  private readonly options: MeshOptions;
  private readonly openLink: OpenLink;
  private iceServers: IceServers;
  private readonly viaPipeline: (act: () => void) => void;
  private readonly roomLinks = new Map<PeerId, RoomLink>();
  /** What still comes from these is late. */
  private readonly gone = new Set<PeerId>();
  /** Peers that the room's list has named; others have only sent a signal, before the list told of them. */
  private readonly listed = new Set<PeerId>();
  private away: ReadonlySet<PeerId> = new Set();
  private isServerGone = false;
  /** How many came from a peer, since when. */
  private readonly badMessages = new Map<PeerId, { count: number; sinceMs: number }>();
  private readonly probes: ProbeQueue;
  private clockMs = 0;
  private lastBusyMs = Number.NEGATIVE_INFINITY;
  private lastTickMs: number | null = null;
  private closed = false;

  constructor(options: MeshOptions) {
    this.options = options;
    this.selfId = options.selfId;
    this.iceServers = options.iceServers;
    const { openLink = (link) => new PeerLink(link) } = options;
    this.openLink = (link) => openLink({ ...link, iceServers: this.iceServers });
    this.viaPipeline = options.viaPipeline ?? ((act) => act());
    this.probes = new ProbeQueue({
      send: (to, message) => this.sendControl(to, message),
      nowMs: options.nowMs ?? (() => performance.now()),
      onMeasured: (to, measure) => options.events.onLinkMeasured(to, measure),
      isQuiet: () => this.clockMs - this.lastBusyMs > QUIET_MS,
    });
  }

  /** Every link, without those of peers that have left, and what a page shows of it. */
  get links(): LinkState[] {
    return [...this.roomLinks.values()].map((link) => link.view);
  }

  /** Everyone in the room, with or without this tab: links to newcomers are made, links to others closed, those to the rest left. */
  setPeers(peerIds: readonly PeerId[]): void {
    const present = new Set(peerIds);
    for (const peerId of this.listed) if (!present.has(peerId)) this.peerLeft(peerId);
    for (const peerId of peerIds) {
      this.gone.delete(peerId);
      this.ensureLink(peerId);
      if (this.roomLinks.has(peerId)) this.listed.add(peerId);
    }
  }

  /**
   * Those of the room whose connection to the server is lost, says the server. Their links stay, as long as they are heard, but
   * count as dead after a shorter silence.
   */
  setAway(peerIds: readonly PeerId[]): void {
    this.away = new Set(peerIds);
    for (const link of this.roomLinks.values()) link.setAway(this.away.has(link.peerId));
  }

  /** No signal can be sent: links that are open stay, attempts wait for `serverBack`. */
  serverGone(): void {
    this.isServerGone = true;
    for (const link of this.roomLinks.values()) link.serverGone();
  }

  /** Signals can be sent again: links that are not open are tried at once. */
  serverBack(iceServers: IceServers): void {
    this.iceServers = iceServers;
    this.isServerGone = false;
    for (const link of this.roomLinks.values()) link.serverBack();
  }

  /** A signal that the server relayed from another tab of the room. */
  handleSignal(from: PeerId, data: SignalData): void {
    this.ensureLink(from)?.handleSignal(data);
  }

  peerLeft(peerId: PeerId): void {
    this.gone.add(peerId);
    this.listed.delete(peerId);
    this.badMessages.delete(peerId);
    this.probes.remove(peerId);
    const link = this.roomLinks.get(peerId);
    if (!link) return;
    this.roomLinks.delete(peerId);
    link.close();
  }

  /**
   * Sends a frame, or a control message as JSON text, after everything sent before it. A frame must not be changed or
   * transferred afterwards.
   * @throws AppError `peer-lost` if there is no open link, `frame-too-large`, `link-congested`
   */
  send(to: PeerId, data: ArrayBuffer | string): void {
    const link = this.roomLinks.get(to);
    if (!link) throw new AppError('peer-lost', `there is no link to device ${to}`);
    link.send(data);
    if (data instanceof ArrayBuffer) this.lastBusyMs = this.clockMs;
  }

  /**
   * Sends a message that may wait; it never holds up what `send` is given. Leave it alone until the promise is settled. Resolves when
   * all of it is handed over, which says nothing of its arrival.
   * @throws AppError `peer-lost` if there is no open link or it breaks meanwhile, `frame-too-large` over MAX_BULK_BYTES,
   * `frame-malformed` for no bytes, `link-congested` if too much waits already: the link stays open, wait for what you have given
   */
  async sendBulk(to: PeerId, data: ArrayBuffer): Promise<void> {
    const link = this.roomLinks.get(to);
    if (!link) throw new AppError('peer-lost', `there is no link to device ${to}`);
    await link.sendBulk(data);
    this.lastBusyMs = this.clockMs;
  }

  /** Deadlines, beats and retries. To be called about every 500 ms, from a clock that runs in hidden tabs too. */
  tick(nowMs: number): void {
    const elapsedMs = nowMs - (this.lastTickMs ?? nowMs);
    this.lastTickMs = nowMs;
    this.clockMs += Math.min(Math.max(elapsedMs, 0), LONGEST_TICK_MS);
    for (const link of this.roomLinks.values()) link.tick(this.clockMs);
    this.probes.tick(this.clockMs);
  }

  /** Closes every link within the call (`pagehide`). Nothing is told to anyone after it. */
  closeAll(): void {
    this.closed = true;
    for (const link of this.roomLinks.values()) link.close();
    for (const peerId of this.roomLinks.keys()) this.probes.remove(peerId);
    this.roomLinks.clear();
  }

  private ensureLink(peerId: PeerId): RoomLink | null {
    const known = this.roomLinks.get(peerId);
    if (known || this.closed || peerId === this.selfId || this.gone.has(peerId)) return known ?? null;
    const link = this.makeLink(peerId);
    this.roomLinks.set(peerId, link);
    link.setAway(this.away.has(peerId));
    if (this.isServerGone) link.serverGone();
    link.start();
    return link;
  }

  private makeLink(peerId: PeerId): RoomLink {
    return new RoomLink({
      selfId: this.selfId,
      peerId,
      clockMs: this.clockMs,
      openLink: this.openLink,
      events: {
        sendSignal: (data) => this.options.sendSignal(peerId, data),
        onMessage: (data) => this.receive(peerId, data),
        onBulk: (data) => {
          this.lastBusyMs = this.clockMs;
          return this.options.events.onBulk(peerId, data);
        },
        onState: (state) => this.changed(state),
      },
    });
  }

  private changed(state: LinkState): void {
    this.probes.remove(state.peerId);
    this.options.events.onLinkState(state);
    if (state.state === 'open' && this.selfId > state.peerId) this.probes.add(state.peerId);
  }

  private receive(from: PeerId, data: ArrayBuffer | string): void {
    if (data instanceof ArrayBuffer) {
      this.lastBusyMs = this.clockMs;
      this.options.events.onFrame(from, data);
      return;
    }
    const message = v.safeParse(PeerMessageSchema, parseJson(data));
    if (message.success) this.handleControl(from, message.output);
    else this.countBadMessage(from);
  }

  private handleControl(from: PeerId, message: PeerMessage): void {
    switch (message.kind) {
      case 'beat':
        break;
      case 'probe':
        if (message.ack) this.viaPipeline(() => this.answerProbe(from, message.id));
        break;
      case 'probe-ack':
        this.viaPipeline(() => this.probes.acknowledge(from, message.id));
        break;
      default:
        this.options.events.onControl(from, message);
    }
  }

  private sendControl(to: PeerId, message: PeerMessage): void {
    this.send(to, JSON.stringify(message));
  }

  private answerProbe(to: PeerId, id: number): void {
    try {
      this.sendControl(to, { kind: 'probe-ack', id });
    } catch {
      // The other side gives its probe up by itself; an answer that cannot be sent is no news to anyone here.
    }
  }

  private countBadMessage(from: PeerId): void {
    const before = this.badMessages.get(from);
    const isLately = before && this.clockMs - before.sinceMs < BAD_MESSAGES_MS;
    const { count, sinceMs } = isLately ? { ...before, count: before.count + 1 } : { count: 1, sinceMs: this.clockMs };
    this.badMessages.set(from, { count, sinceMs });
    this.options.events.onBadMessage(from);
    if (count === MAX_BAD_MESSAGES) this.roomLinks.get(from)?.bar();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
