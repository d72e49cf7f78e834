import type { PeerId } from '../shared/model/link-profile.ts';
import type { ClientEvent, ClientRequest, RoomState } from '../shared/protocol/signaling.ts';
import type { Tell } from './tell-server.ts';

/** What of a message replaces an earlier one; null for what is over as soon as it was said. */
const SUBJECTS: { [E in ClientEvent]?: (payload: ClientRequest<E>) => string } = {
  'peer:donates': () => 'donates',
  'peer:profile': () => 'profile',
  'peer:stored': () => 'stored',
  'peer:progress': () => 'progress',
  'room:model': () => 'model',
  'link:report': ({ to }) => `link ${to}`,
  'plan:ready': () => 'outcome',
  'plan:failed': () => 'outcome',
  'plan:moved': () => 'moved',
};
/** What is so when the server is back. */
export interface Present {
  /** As the server knows it. */
  room: RoomState;
  selfId: PeerId;
  /** Devices to which this tab has an open link. */
  linked: ReadonlySet<PeerId>;
}

const OF_A_MODEL = ['profile', 'stored', 'progress', 'model', 'outcome', 'moved'];

/**
 * The latest of everything lasting that this tab has told the server. What was said while the connection was lost never arrived, and
 * a server that was started anew has forgotten the rest, so all of it is told again.
 */
export class Told {
  private readonly send: Tell;
  private readonly latest = new Map<string, (present: Present) => void>();

  constructor(send: Tell) {
    this.send = send;
  }

  readonly tell: Tell = (event, payload) => {
    const subject = SUBJECTS[event]?.(payload);
    if (subject !== undefined) {
      // In the order in which they were said last.
      this.latest.delete(subject);
      this.latest.set(subject, (present) => this.sayAgain(event, payload, present));
    }
    this.send(event, payload);
  };

  again(present: Present): void {
    for (const say of this.latest.values()) say(present);
  }

  forgetPeer(peerId: PeerId): void {
    this.latest.delete(`link ${peerId}`);
  }

  /** Nothing that was said of a model is true of another. */
  forgetModel(): void {
    for (const subject of OF_A_MODEL) this.latest.delete(subject);
  }

  forgetAll(): void {
    this.latest.clear();
  }

  private sayAgain<E extends ClientEvent>(event: E, payload: ClientRequest<E>, present: Present): void {
    const { room, selfId } = present;
    if (event === 'room:model' && !room.hosts.includes(selfId)) return;
    if ('link' in payload && !isStillSo(payload, present)) return;
    // A small change of what was measured counts only for a server that knows the measurement.
    const isForgotten = event === 'peer:profile' && room.peers.some((peer) => peer.peerId === selfId && peer.profile === null);
    this.send(event, isForgotten ? { ...payload, origin: 'measured' } : payload);
  }
}

/**
 * A link may have broken or come up meanwhile. And whoever is away still may only not be back yet: with a link said to be broken as
 * well, the server would take that device for dead.
 */
function isStillSo({ to, link }: ClientRequest<'link:report'>, { room, linked }: Present): boolean {
  const peer = room.peers.find(({ peerId }) => peerId === to);
  if (peer === undefined) return false;
  return link === null ? peer.connected && !linked.has(to) : linked.has(to);
}
