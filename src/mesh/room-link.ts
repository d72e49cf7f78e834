import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import { AWAY_SILENCE_MS, PEER_BEAT_INTERVAL_MS, PEER_SILENCE_MS } from '../shared/protocol/peer.ts';
import type { SignalData } from '../shared/protocol/signaling.ts';
import { type LinkState, PROTOCOL_ADVICE, type SetupEvidence, setupAdvice } from './link-state.ts';
import type { Link, PeerLinkEvents } from './peer-link.ts';
import { belongsTo, type CandidateSignal, type DescriptionSignal, readAttempt, tagAttempt } from './signal-match.ts';

/** A link that is not open by then gets its advice; on a working network it takes well under a second. */
export const SETUP_DEADLINE_MS = 10_000;
/** Pauses before further attempts, and before each one after those: what keeps two devices apart may go away by itself. */
const RETRY_DELAYS_MS = [1000, 5000, 20_000];
const SLOW_RETRY_MS = 30_000;
/** A link that lived this long and then broke gets its quick attempts anew; one that flaps does not. */
const STABLE_MS = 10_000;
const MAX_HELD_CANDIDATES = 64;
const BEAT = JSON.stringify({ kind: 'beat' });

export type OpenLink = (options: { initiator: boolean; events: PeerLinkEvents }) => Link;

export interface RoomLinkEvents {
  sendSignal(data: SignalData): void;
  onMessage(data: ArrayBuffer | string): void;
  onBulk(data: ArrayBuffer): void | Promise<void>;
  onState(view: LinkState): void;
}

/**
 * The link to one other tab of the room, over as many connections as it takes. The tab with the larger id starts each
 * attempt, so two never meet. Knows no time but the clock that `tick` tells.
 */
export class RoomLink {
  readonly peerId: PeerId;
  private readonly initiates: boolean;
  private readonly openLink: OpenLink;
  private readonly events: RoomLinkEvents;
  private link: Link | null = null;
  private shown: LinkState;
  /** Of the current or the last attempt; the initiator counts. */
  private attempt = 0;
  private failedAttempts = 0;
  /** The other side's description for the current attempt. */
  private remoteSdp: string | null = null;
  private held: CandidateSignal[] = [];
  private evidence = nothingSeen();
  private clockMs: number;
  private setupUntilMs: number;
  private attemptUntilMs = 0;
  /** Null: none planned. */
  private nextAttemptMs: number | null;
  private openSinceMs = 0;
  private heard = false;
  private lastHeardMs = 0;
  private lastBeatMs = 0;
  private isAway = false;
  private isServerGone = false;

  constructor(options: { selfId: PeerId; peerId: PeerId; clockMs: number; openLink: OpenLink; events: RoomLinkEvents }) {
    this.peerId = options.peerId;
    this.initiates = options.selfId > options.peerId;
    this.openLink = options.openLink;
    this.events = options.events;
    this.clockMs = options.clockMs;
    this.setupUntilMs = options.clockMs + SETUP_DEADLINE_MS;
    this.nextAttemptMs = this.initiates ? options.clockMs : null;
    this.shown = { peerId: options.peerId, state: 'connecting', advice: null };
  }

  get view(): LinkState {
    return this.shown;
  }

  /** Makes the first attempt if it is this side's to make. */
  start(): void {
    this.events.onState(this.shown);
    if (this.initiates) this.startAttempt(this.attempt + 1);
  }

  /**
   * A congested link is broken and made anew, so that both sides know of what was lost.
   * @throws AppError `peer-lost`, `frame-too-large`, `link-congested`
   */
  send(data: ArrayBuffer | string): void {
    if (!this.link) throw new AppError('peer-lost', `there is no open link to device ${this.peerId}`);
    try {
      this.link.send(data);
    } catch (thrown) {
      if (AppError.from(thrown).code === 'link-congested') this.broke();
      throw thrown;
    }
  }

  /** @throws AppError as `PeerLink.sendBulk` */
  async sendBulk(data: ArrayBuffer): Promise<void> {
    if (!this.link) throw new AppError('peer-lost', `there is no open link to device ${this.peerId}`);
    await this.link.sendBulk(data);
  }

  /** @param isAway the server has lost its connection to the other device, which may still be there */
  setAway(isAway: boolean): void {
    this.isAway = isAway;
  }

  /** No signal reaches the other side: attempts wait, and none counts as failed. */
  serverGone(): void {
    this.isServerGone = true;
  }

  /** Makes at once the attempt that waits, or that may have lost its signals. */
  serverBack(): void {
    this.isServerGone = false;
    if (this.shown.state === 'open' || this.barred) return;
    this.setupUntilMs = this.clockMs + SETUP_DEADLINE_MS;
    if (this.initiates) this.startAttempt(this.attempt + 1);
  }

  /** Late, repeated and unasked-for signals do nothing. */
  handleSignal(data: SignalData): void {
    if (this.barred) return;
    if (data.type === 'offer') this.handleOffer(data);
    else if (data.type === 'answer') this.handleAnswer(data);
    else if (data.type === 'candidate') this.handleCandidate(data);
  }

  /** To be called every 500 ms or so. */
  tick(clockMs: number): void {
    this.clockMs = clockMs;
    if (this.shown.state === 'open') this.tickOpen();
    else this.tickSetup();
  }

  /** Ends the link for good: the other side does not keep to the protocol. */
  bar(): void {
    this.stop();
    this.nextAttemptMs = null;
    this.show('failed', PROTOCOL_ADVICE);
  }

  close(): void {
    this.stop();
  }

  private get barred(): boolean {
    return this.shown.advice === PROTOCOL_ADVICE;
  }

  private handleOffer(data: DescriptionSignal): void {
    const tagged = readAttempt(data.sdp);
    if (this.initiates || tagged === null) return;
    // The other side counts anew where it has forgotten this one, and then no attempt is under way here either.
    if (this.link !== null && tagged.attempt <= this.attempt) return;
    this.startAttempt(tagged.attempt);
    this.describe({ ...data, sdp: tagged.sdp });
  }

  private handleAnswer(data: DescriptionSignal): void {
    const tagged = readAttempt(data.sdp);
    if (!this.initiates || tagged?.attempt !== this.attempt || this.remoteSdp !== null) return;
    this.describe({ ...data, sdp: tagged.sdp });
  }

  /** A candidate may come before the description that it belongs to: it is held until then. */
  private handleCandidate(data: CandidateSignal): void {
    if (this.remoteSdp !== null && belongsTo(data, this.remoteSdp)) this.link?.signal(data);
    else {
      if (this.held.length === MAX_HELD_CANDIDATES) this.held.shift();
      this.held.push(data);
    }
  }

  private describe(data: DescriptionSignal): void {
    this.remoteSdp = data.sdp;
    this.evidence.heardFromPeer = true;
    this.link?.signal(data);
    const held = this.held;
    this.held = [];
    for (const candidate of held) if (belongsTo(candidate, data.sdp)) this.link?.signal(candidate);
  }

  private startAttempt(attempt: number): void {
    const wasOpen = this.shown.state === 'open';
    this.stop();
    this.attempt = attempt;
    this.nextAttemptMs = null;
    this.attemptUntilMs = this.clockMs + SETUP_DEADLINE_MS;
    if (wasOpen) this.reconnect();
    this.evidence.hasOwnAddress = false;
    try {
      this.link = this.openLink({ initiator: this.initiates, events: this.linkEvents(attempt) });
    } catch {
      // A browser without WebRTC: the advice for one that offers no address says what can be done.
      this.broke();
    }
  }

  /** Events of an attempt that another has replaced are not heard. */
  private linkEvents(attempt: number): PeerLinkEvents {
    const current = (action: () => void) => {
      if (attempt === this.attempt && this.link !== null) action();
    };
    return {
      onSignal: (data) => current(() => this.sendSignal(data, attempt)),
      onOpen: () => current(() => this.opened()),
      onActivity: () => {
        this.heard = true;
      },
      onMessage: (data) => current(() => this.events.onMessage(data)),
      onBulk: (data) => (attempt === this.attempt && this.link !== null ? this.events.onBulk(data) : undefined),
      onClosed: ({ code }) => current(() => (code.startsWith('frame-') ? this.bar() : this.broke())),
    };
  }

  private sendSignal(data: SignalData, attempt: number): void {
    if (data.type === 'candidate') this.evidence.hasOwnAddress = true;
    this.events.sendSignal('sdp' in data ? { ...data, sdp: tagAttempt(data.sdp, attempt) } : data);
  }

  private opened(): void {
    this.openSinceMs = this.clockMs;
    this.lastHeardMs = this.clockMs;
    this.show('open', null);
  }

  /** The current connection ended, open or not. */
  private broke(): void {
    const wasOpen = this.shown.state === 'open';
    this.stop();
    if (wasOpen && this.clockMs - this.openSinceMs >= STABLE_MS) this.failedAttempts = 0;
    if (this.initiates) this.nextAttemptMs = this.clockMs + (RETRY_DELAYS_MS[this.failedAttempts] ?? SLOW_RETRY_MS);
    if (wasOpen || !this.isServerGone) this.failedAttempts += 1;
    if (wasOpen) this.reconnect();
  }

  private reconnect(): void {
    this.evidence = nothingSeen();
    this.setupUntilMs = this.clockMs + SETUP_DEADLINE_MS;
    this.show('connecting', null);
  }

  private tickOpen(): void {
    if (this.heard) this.lastHeardMs = this.clockMs;
    this.heard = false;
    if (this.clockMs - this.lastHeardMs > (this.isAway ? AWAY_SILENCE_MS : PEER_SILENCE_MS)) this.broke();
    // Ticks jitter by a few ms, and what is queued already tells the other side as much as a beat.
    else if (this.clockMs - this.lastBeatMs >= 0.75 * PEER_BEAT_INTERVAL_MS && this.link?.queuedBytes === 0) {
      this.beat(this.link);
    }
  }

  private beat(link: Link): void {
    this.lastBeatMs = this.clockMs;
    try {
      link.send(BEAT);
    } catch {
      // The channel is closing; its own event will say so.
    }
  }

  private tickSetup(): void {
    if (this.link && this.clockMs >= this.attemptUntilMs) this.broke();
    if (this.isServerGone) return;
    if (this.nextAttemptMs !== null && this.clockMs >= this.nextAttemptMs) this.startAttempt(this.attempt + 1);
    if (this.shown.state !== 'connecting' || this.clockMs < this.setupUntilMs) return;
    this.show('failed', setupAdvice(this.evidence, SETUP_DEADLINE_MS));
  }

  private stop(): void {
    const link = this.link;
    this.link = null;
    this.remoteSdp = null;
    this.heard = false;
    link?.close();
  }

  private show(state: LinkState['state'], advice: LinkState['advice']): void {
    this.shown = { peerId: this.peerId, state, advice };
    this.events.onState(this.shown);
  }
}

/** Until an attempt shows otherwise this browser is taken to have an address. */
function nothingSeen(): SetupEvidence {
  return { hasOwnAddress: true, heardFromPeer: false };
}
