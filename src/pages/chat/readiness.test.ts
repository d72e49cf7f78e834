import { expect, test } from 'vitest';
import { testPeer, testPlan, testRoom, testStage, testView } from '../ui/testing/room.ts';
import { waitingFor } from './readiness.ts';

const plan = testPlan([testStage(1, 0, 8, true)]);

test('a room with a plan can be asked, also while the next plan is loaded', () => {
  expect(waitingFor(testView(testRoom([testPeer(1)], { plan })))).toBeNull();
  expect(waitingFor(testView(testRoom([testPeer(1)], { plan, preparing: plan })))).toBeNull();
});

test.each([
  ['Joining', testView(null, { phase: 'connecting' })],
  ['left the room', testView(testRoom([testPeer(1)], { plan }), { phase: 'ended' })],
  ['No device takes part', testView(testRoom([testPeer(1, { donates: false })]))],
  ['measuring', testView(testRoom([testPeer(1, { profile: null })]))],
  ['planning', testView(testRoom([testPeer(1)]))],
  ['no plan', testView(testRoom([testPeer(1)], { problem: { code: 'does-not-fit', message: 'x' } }))],
])('otherwise it says what it waits for: %s', (words, view) => {
  expect(waitingFor(view)).toContain(words);
});

test('loading counts the bytes of all devices', () => {
  const peers = [
    testPeer(1, { progress: { loadedBytes: 100, shardBytes: 100 } }),
    testPeer(2, { progress: { loadedBytes: 0, shardBytes: 300 } }),
  ];
  expect(waitingFor(testView(testRoom(peers, { preparing: plan })))).toContain('25%');
});
