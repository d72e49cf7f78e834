import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../model/room-settings.ts';
import { applyRoomChange, roomChange } from './room-change.ts';
import type { PeerState, RoomState } from './signaling.ts';

const hash = 'h'.repeat(43);
const progress = fc.option(fc.record({ loadedBytes: fc.nat({ max: 3 }), shardBytes: fc.nat({ max: 3 }) }));
const peer = (peerId: number) =>
  fc.record({ donates: fc.boolean(), connected: fc.boolean(), progress }).map(
    (some): PeerState => ({
      peerId,
      name: `device ${peerId}`,
      chats: true,
      profile: null,
      problem: null,
      tabKeyHash: hash,
      shownKeyHash: null,
      ...some,
    }),
  );
const ids = fc.uniqueArray(fc.integer({ min: 1, max: 6 })).map((list) => list.toSorted((a, b) => a - b));
const room = fc
  .record({
    ids,
    linkIds: fc.uniqueArray(fc.constantFrom([1, 2], [1, 3], [2, 3], [2, 6]), { selector: String }),
    rttMs: fc.nat({ max: 2 }),
    hosts: ids,
    nextEpoch: fc.integer({ min: 1, max: 3 }),
  })
  .chain((some) => fc.tuple(fc.constant(some), fc.tuple(...some.ids.map(peer))))
  .map(
    ([{ linkIds, rttMs, hosts, nextEpoch }, peers]): RoomState => ({
      code: 'ABCDE',
      hosts,
      hostKeyHashes: [hash],
      joinKey: 'k'.repeat(16),
      passphraseHash: null,
      barred: [],
      offeredTo: null,
      knocks: [],
      settings: DEFAULT_SETTINGS,
      model: null,
      plan: null,
      preparing: null,
      problem: null,
      nextPeerId: 9,
      nextEpoch,
      seal: { dateMs: nextEpoch, mac: hash },
      peers: [...peers],
      links: linkIds.toSorted((x, y) => x[0]! - y[0]! || x[1]! - y[1]!).map(([a, b]) => ({ a: a!, b: b!, rttMs, linkMbps: 1 })),
    }),
  );

describe('changes of a room', () => {
  it('bring whoever knows the room before to the room after', () => {
    fc.assert(
      fc.property(room, room, (before, after) => {
        const change = roomChange(before, after);
        expect(change ? applyRoomChange(before, change) : before).toEqual(after);
      }),
    );
  });

  it('are none where nothing changed', () => {
    fc.assert(fc.property(room, (one) => roomChange(one, structuredClone(one)) === null));
  });

  it('carry the progress of loading devices alone', () => {
    const [before] = fc.sample(
      room.filter(({ peers }) => peers.length > 0),
      1,
    );
    const peers = before!.peers.map((one) => ({ ...one, progress: { loadedBytes: 7, shardBytes: 9 } }));
    expect(Object.keys(roomChange(before!, { ...before!, peers })!)).toEqual(['progress']);
  });
});
