import { expect, test } from 'vitest';
import type { LeftOutReason } from '../../shared/model/plan-reasons.ts';
import type { PeerState, RoomState } from '../../shared/protocol/signaling.ts';
import { deviceRows } from './device-rows.ts';
import { testPeer, testPlan, testRoom, testStage, testView } from './testing/room.ts';

const rowOf = (peer: Partial<PeerState>, room: Partial<RoomState> = {}) =>
  deviceRows(testView(testRoom([testPeer(1, peer)], room)))[0]!;
const plan = testPlan([testStage(1, 0, 4, true)]);
const otherPlan = testPlan([testStage(9, 0, 8, true)]);

test('a device measures, loads, serves', () => {
  expect(rowOf({ profile: null })).toMatchObject({ state: 'measuring', layers: null, stageIndex: null });
  expect(rowOf({ progress: { loadedBytes: 40, shardBytes: 100 } }, { preparing: plan })).toMatchObject({
    state: 'loading',
    stateText: 'Loading layers 0–3 and the output: 40%',
    layers: { startLayer: 0, endLayer: 4 },
  });
  expect(rowOf({}, { plan })).toMatchObject({
    state: 'serving',
    stateText: 'Serving layers 0–3 and the output',
    head: true,
    stageIndex: 0,
  });
});

test('a device that serves while it loads its next part says both', () => {
  const next = testPlan([testStage(1, 0, 8, true)]);
  const row = rowOf({ progress: { loadedBytes: 1, shardBytes: 2 } }, { plan, preparing: next });
  expect(row).toMatchObject({
    state: 'serving',
    stateText: 'Serving layers 0–3 and the output, loading layers 0–7 and the output: 50%',
  });
});

test('a next plan that leaves its part alone is not mentioned', () => {
  expect(rowOf({}, { plan, preparing: plan }).stateText).toBe('Serving layers 0–3 and the output');
});

test('an idle device says why', () => {
  expect(rowOf({}, { plan: otherPlan })).toMatchObject({ state: 'idle', stateText: 'Idle: the plan is faster without it' });
  expect(rowOf({ donates: false })).toMatchObject({ state: 'idle', stateText: 'Chats only: it lends nothing' });
  expect(rowOf({}, { problem: { code: 'does-not-fit', message: 'needs more' } }).stateText).toBe(
    'Idle: the room has no plan yet',
  );
});

const costs = (to: number): LeftOutReason => ({
  code: 'costs',
  loss: { objective: 'latency', moreMs: 5 },
  isGuess: false,
  slowness: { code: 'slow-link', to, linkMbps: 1 },
});

test('a reason that names this page’s own device says "this device"', () => {
  const leftOut = [
    { peerId: 1, reason: costs(2) },
    { peerId: 2, reason: costs(1) },
  ];
  const room = testRoom([testPeer(1), testPeer(2), testPeer(9)], { plan: testPlan([testStage(9, 0, 8, true)], { leftOut }) });
  expect(deviceRows(testView(room)).map(({ stateText }) => stateText)).toEqual([
    'Serving layers 0–7 and the output',
    'Idle: adding this device would cost 5 ms more per token: its link to “Device 2” is 1 Mbit/s.',
    'Idle: adding “Device 2” would cost 5 ms more per token: its link to this device is 1 Mbit/s.',
  ]);
});

test('a problem is told before anything else', () => {
  const problem = { code: 'out-of-memory', message: '', values: { neededBytes: 2e9 } } as const;
  expect(rowOf({ problem }, { plan: otherPlan })).toMatchObject({
    state: 'problem',
    stateText: 'This device has no memory for 2 GB',
  });
});

test('devices stand in the order that a token passes them, idle ones last', () => {
  const chain = testPlan([testStage(3, 0, 4), testStage(1, 4, 8, true)]);
  const rows = deviceRows(testView(testRoom([testPeer(1), testPeer(2), testPeer(3)], { plan: chain })));
  expect(rows.map(({ peerId, stageIndex }) => [peerId, stageIndex])).toEqual([
    [3, 0],
    [1, 1],
    [2, null],
  ]);
});

test('before the room is joined there are no devices', () => {
  expect(deviceRows(testView(null))).toEqual([]);
});
