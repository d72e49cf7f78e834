import type { RoomView } from '../../pool/room-view.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';

/** What a page calls a device of its room; its own is "this device". */
export function peerWords(view: Pick<RoomView, 'room' | 'selfId'>, peerId: PeerId): string {
  if (peerId === view.selfId) return 'this device';
  return view.room?.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`;
}

/** A sentence of the planner, which has names in quotation marks, as the device that shows it says it: "this device". */
export function ownWords(view: Pick<RoomView, 'room' | 'selfId'>, sentence: string): string {
  const own = view.room?.peers.find((peer) => peer.peerId === view.selfId);
  if (own === undefined) return sentence;
  const words = sentence.replaceAll(`“${own.name}”`, 'this device');
  return words.startsWith('this device') ? `T${words.slice(1)}` : words;
}
