import type { RoomView } from '../../room/room-view.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';

/** What a page calls a device of its room; its own is "this device". */
export function peerWords(view: Pick<RoomView, 'room' | 'selfId'>, peerId: PeerId): string {
  if (peerId === view.selfId) return 'this device';
  return view.room?.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`;
}

/** The same within a sentence: names stand in quotation marks there. */
export function quotedPeer(view: Pick<RoomView, 'room' | 'selfId'>): (peerId: PeerId) => string {
  return (peerId) => {
    const isNamed = peerId !== view.selfId && view.room?.peers.some((peer) => peer.peerId === peerId);
    return isNamed ? `“${peerWords(view, peerId)}”` : peerWords(view, peerId);
  };
}
