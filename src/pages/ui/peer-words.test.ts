import { expect, test } from 'vitest';
import { ownWords, peerWords } from './peer-words.ts';
import { testPeer, testRoom, testView } from './test-room.ts';

const peers = [testPeer(1, { name: 'a' }), testPeer(2, { name: 'a 2' })];
const view = testView(testRoom(peers));

test('a page calls its own device "this device", and the others by name', () => {
  expect([1, 2, 3].map((peerId) => peerWords(view, peerId))).toEqual(['this device', 'a 2', 'device 3']);
});

test('a sentence about the own device says so, and leaves other words and names alone', () => {
  expect(ownWords(view, '“a” alone runs all 8 layers: 5 ms a token.')).toBe('This device alone runs all 8 layers: 5 ms a token.');
  expect(ownWords(view, 'adding “a 2” would cost a lot: its link to “a” is slow.')).toBe(
    'adding “a 2” would cost a lot: its link to this device is slow.',
  );
});

test('before the room is joined no device is the own one', () => {
  const outside = testView(null, { selfId: null });
  expect(ownWords(outside, '“a” alone')).toBe('“a” alone');
  expect(peerWords(outside, 1)).toBe('device 1');
});
