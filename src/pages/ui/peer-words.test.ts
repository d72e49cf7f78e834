import { expect, test } from 'vitest';
import { peerWords, quotedPeer } from './peer-words.ts';
import { testPeer, testRoom, testView } from './testing/room.ts';

const peers = [testPeer(1, { name: 'a' }), testPeer(2, { name: 'a 2' })];
const view = testView(testRoom(peers));

test('a page calls its own device "this device", and the others by name', () => {
  expect([1, 2, 3].map((peerId) => peerWords(view, peerId))).toEqual(['this device', 'a 2', 'device 3']);
});

test('within a sentence names stand in quotation marks', () => {
  expect([1, 2, 3].map(quotedPeer(view))).toEqual(['this device', '“a 2”', 'device 3']);
});

test('before the room is joined no device is the own one', () => {
  const outside = testView(null, { selfId: null });
  expect(quotedPeer(outside)(1)).toBe('device 1');
  expect(peerWords(outside, 1)).toBe('device 1');
});
