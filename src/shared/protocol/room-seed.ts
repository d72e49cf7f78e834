import type { RoomSeed, RoomState } from './signaling.ts';

/** What a server that has lost this room makes it anew from. */
export function seedOf(room: RoomState): RoomSeed {
  return { ...contentOf(room), seal: room.seal };
}

/** All of it that a seal is put under. */
export function contentOf(room: Omit<RoomState, 'seal'>): Omit<RoomSeed, 'seal'> {
  const { hostKeyHashes, joinKey, passphraseHash, barred, settings, model, plan, nextPeerId, nextEpoch } = room;
  const peers = room.peers.map(({ peerId, name, donates, chats, tabKeyHash, shownKeyHash }) => {
    return { peerId, name, donates, chats, tabKeyHash, shownKeyHash };
  });
  return { hostKeyHashes, joinKey, passphraseHash, barred, settings, model, plan, nextPeerId, nextEpoch, peers };
}
