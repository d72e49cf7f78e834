import type { PeerId } from '../model/link-profile.ts';
import type { PeerState, RoomChange, RoomState } from './signaling.ts';

type Fields = Omit<RoomState, 'code' | 'peers' | 'links'>;

/** What somebody who knows `before` has to hear to know `after`; null when that is nothing. Both are of the same room. */
export function roomChange(before: RoomState, after: RoomState): RoomChange | null {
  const change: RoomChange = { ...changedFields(before, after), ...changedPeers(before, after), ...changedLinks(before, after) };
  return Object.keys(change).length > 0 ? change : null;
}

/** The room after a change that was made of it by `roomChange`. */
export function applyRoomChange(state: RoomState, change: RoomChange): RoomState {
  const { peers = [], gone = [], progress = [], links = [], cut = [], ...fields } = change;
  const peersById = new Map(state.peers.map((peer) => [peer.peerId, peer]));
  for (const peerId of gone) peersById.delete(peerId);
  for (const peer of peers) peersById.set(peer.peerId, peer);
  for (const one of progress) {
    const peer = peersById.get(one.peerId);
    if (peer) peersById.set(one.peerId, { ...peer, progress: one.progress });
  }
  const linksByEnds = new Map(state.links.map((link) => [endsOf(link), link]));
  for (const ends of cut) linksByEnds.delete(endsOf(ends));
  for (const link of links) linksByEnds.set(endsOf(link), link);
  return {
    ...state,
    ...(fields as Partial<Fields>),
    peers: [...peersById.values()].sort((a, b) => a.peerId - b.peerId),
    links: [...linksByEnds.values()].sort((one, other) => one.a - other.a || one.b - other.b),
  };
}

function changedFields(before: RoomState, after: RoomState): Partial<Fields> {
  const { code: _, peers: __, links: ___, ...fields } = after;
  const changed = Object.entries(fields).filter(([name, value]) => !isSame(before[name as keyof Fields], value));
  return Object.fromEntries(changed);
}

function changedPeers(before: RoomState, after: RoomState): Pick<RoomChange, 'peers' | 'gone' | 'progress'> {
  const known = new Map(before.peers.map((peer) => [peer.peerId, peer]));
  const peers = after.peers.filter((peer) => !isSamePeer(known.get(peer.peerId), peer));
  const told = new Set(peers.map(({ peerId }) => peerId));
  const progress = after.peers
    .filter((peer) => !told.has(peer.peerId) && !isSame(known.get(peer.peerId)?.progress, peer.progress))
    .map((peer) => ({ peerId: peer.peerId, progress: peer.progress }));
  const present = new Set(after.peers.map(({ peerId }) => peerId));
  const gone = before.peers.map(({ peerId }) => peerId).filter((peerId) => !present.has(peerId));
  return {
    ...(peers.length > 0 ? { peers } : {}),
    ...(gone.length > 0 ? { gone } : {}),
    ...(progress.length > 0 ? { progress } : {}),
  };
}

function changedLinks(before: RoomState, after: RoomState): Pick<RoomChange, 'links' | 'cut'> {
  const known = new Map(before.links.map((link) => [endsOf(link), link]));
  const links = after.links.filter((link) => !isSame(known.get(endsOf(link)), link));
  const present = new Set(after.links.map(endsOf));
  const cut = before.links.filter((link) => !present.has(endsOf(link))).map(({ a, b }) => ({ a, b }));
  return { ...(links.length > 0 ? { links } : {}), ...(cut.length > 0 ? { cut } : {}) };
}

function isSamePeer(before: PeerState | undefined, { progress: _, ...after }: PeerState): boolean {
  if (!before) return false;
  const { progress: __, ...known } = before;
  return isSame(known, after);
}

function endsOf({ a, b }: { a: PeerId; b: PeerId }): string {
  return `${a}-${b}`;
}

/** Both are plain data, made in the same order of fields; most often they are the very same. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
