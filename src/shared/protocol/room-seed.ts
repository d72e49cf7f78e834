import type { RoomSeed, RoomState } from '../shared/protocol/signaling.ts';

/** What a server that has lost this room makes it anew from. */
export function seedOf(room: RoomState): RoomSeed {
  const { hostKeyHashes, passphraseHash, settings, model, plan, nextPeerId, nextEpoch } = room;
  const peers = room.peers.map(({ peerId, name, donates, chats, tabKeyHash }) => ({ peerId, name, donates, chats, tabKeyHash }));
  return { hostKeyHashes, passphraseHash, settings, model, plan, nextPeerId, nextEpoch, peers };
}
