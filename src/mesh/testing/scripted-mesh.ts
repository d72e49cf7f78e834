import { AppError } from '../../shared/errors.ts';
import { assertBulkSize } from '../../shared/protocol/bulk.ts';
import type { PeerMessage } from '../../shared/protocol/peer.ts';
import type { IceServers, SignalData } from '../../shared/protocol/signaling.ts';
import { assertFrame } from '../fragments.ts';
import type { LinkState } from '../link-state.ts';
import { Mesh } from '../mesh.ts';
import { controlBytes } from '../outbox.ts';
import type { Link, PeerLinkEvents } from '../peer-link.ts';
import { tagAttempt } from '../signal-match.ts';

/** A connection that does what the test says. */
export class FakeLink implements Link {
  readonly sent: (string | ArrayBuffer)[] = [];
  readonly signals: SignalData[] = [];
  readonly initiator: boolean;
  readonly events: PeerLinkEvents;
  queuedBytes = 0;
  closed = false;
  /** Null for an end that the test speaks for. */
  private other: FakeLink | null = null;
  /** Refuses what it is given, as a link whose queue is full. */
  isCongested = false;

  constructor(initiator: boolean, events: PeerLinkEvents) {
    this.initiator = initiator;
    this.events = events;
  }

  signal(data: SignalData): void {
    this.signals.push(data);
  }

  send(data: ArrayBuffer | string): void {
    this.requireOpen();
    if (this.isCongested) throw new AppError('link-congested', 'the queue is full');
    if (typeof data === 'string') controlBytes(data);
    else assertFrame(data);
    this.sent.push(data);
    const copy = typeof data === 'string' ? data : data.slice();
    this.bring((events) => events.onMessage(copy));
  }

  async sendBulk(data: ArrayBuffer): Promise<void> {
    this.requireOpen();
    assertBulkSize(data.byteLength);
    await Promise.resolve();
    this.requireOpen();
    const copy = data.slice();
    this.bring((events) => void events.onBulk(copy));
  }

  close(): void {
    if (this.closed) return;
    this.bring((events) => this.other!.end(events));
    this.closed = true;
  }

  /** Joins two ends: what one is given reaches the other. */
  static join(one: FakeLink, two: FakeLink): void {
    one.other = two;
    two.other = one;
  }

  private end(events: PeerLinkEvents): void {
    this.closed = true;
    events.onClosed(new AppError('peer-lost', 'the other device closed the connection'));
  }

  private bring(arrive: (events: PeerLinkEvents) => void): void {
    const { other } = this;
    if (other) queueMicrotask(() => other.closed || arrive(other.events));
  }

  private requireOpen(): void {
    if (this.closed) throw new AppError('peer-lost', 'there is no open link to this device');
  }

  get beats(): number {
    return this.sent.filter((data) => data === '{"kind":"beat"}').length;
  }

  /** The ids of the probes that were sent here. */
  get probes(): number[] {
    const messages = this.sent.map((data) => JSON.parse(data as string) as PeerMessage);
    return messages.flatMap((message) => (message.kind === 'probe' ? [message.id] : []));
  }

  receive(message: PeerMessage): void {
    this.events.onActivity();
    this.events.onMessage(JSON.stringify(message));
  }
}

/** A mesh on scripted links, what it told, and its clock. */
export function startMesh(selfId: number, viaPipeline: (act: () => void) => void = (act) => act()) {
  const links: FakeLink[] = [];
  /** What the links were opened with. */
  const iceServers: IceServers[] = [];
  const states: LinkState[] = [];
  const signals: { to: number; data: SignalData }[] = [];
  const control: { from: number; kind: string }[] = [];
  const measured: number[] = [];
  const badMessages: number[] = [];
  let nowMs = 0;
  const mesh = new Mesh({
    selfId,
    iceServers: [],
    nowMs: () => 0,
    viaPipeline,
    sendSignal: (to, data) => signals.push({ to, data }),
    openLink: ({ initiator, events, iceServers: given }) => {
      iceServers.push(given);
      const link = new FakeLink(initiator, events);
      links.push(link);
      return link;
    },
    events: {
      onControl: (from, message) => control.push({ from, kind: message.kind }),
      onFrame: () => {},
      onBulk: () => {},
      onBadMessage: (from) => badMessages.push(from),
      onLinkState: (state) => states.push(state),
      onLinkMeasured: (to) => measured.push(to),
    },
  });
  mesh.tick(0);
  /** Half a second a step, as the clock in the worker ticks. */
  const pass = (byMs: number, each: () => void = () => {}) => {
    for (const untilMs = nowMs + byMs; nowMs < untilMs; ) {
      nowMs += 500;
      each();
      mesh.tick(nowMs);
    }
  };
  return { mesh, links, iceServers, states, signals, control, measured, badMessages, pass };
}

export const offer = (attempt: number): SignalData => ({
  type: 'offer',
  sdp: tagAttempt('v=0\r\na=ice-ufrag:remote\r\n', attempt),
});
export const answer = (attempt: number): SignalData => ({
  type: 'answer',
  sdp: tagAttempt('v=0\r\na=ice-ufrag:remote\r\n', attempt),
});
/** Of the description that `offer` and `answer` carry if the fragment is `remote`. */
export const candidate = (fragment: string): SignalData => ({
  type: 'candidate',
  candidate: { candidate: `candidate:1 1 udp 1 127.0.0.1 4 typ host ufrag ${fragment}`, sdpMid: '0' },
});
