import { expect, it } from 'vitest';
import type { RoomView } from '../room/room-view.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { RoomState } from '../shared/protocol/signaling.ts';
import { refusalOf } from './room-check.ts';

const plan = { epoch: 1 } as Plan;
const error = { code: 'model-unreachable', message: 'a while ago' } as const;
const problem = { code: 'does-not-fit', message: 'needs more' } as const;
const view = (room: Partial<RoomState>, change: Partial<RoomView> = {}) =>
  ({ phase: 'joined', error: null, room: { plan: null, preparing: null, problem: null, ...room }, ...change }) as RoomView;

it('an error of the past refuses no call once there is a plan, or one is being loaded', () => {
  expect(refusalOf(view({ plan, problem }, { error }))).toBeNull();
  expect(refusalOf(view({ preparing: plan, problem }, { error }))).toBeNull();
});

it('without a plan the reason of the room comes before that of this tab', () => {
  expect(refusalOf(view({ problem }, { error }))).toBe(problem);
  expect(refusalOf(view({}, { error }))).toBe(error);
  expect(refusalOf(view({}))).toBeNull();
});

it.each([
  ['peer-not-found', false],
  ['rate-limited', false],
  ['link-congested', false],
  ['not-gguf', true],
  ['out-of-memory', true],
  ['internal', true],
] as const)('without a plan %s as the last error refuses: %s', (code, refuses) => {
  expect(refusalOf(view({}, { error: { code, message: 'a while ago' } })) !== null).toBe(refuses);
});

it('a tab that has left answers nothing, and one whose server is away goes on', () => {
  expect(refusalOf(view({ plan }, { phase: 'ended' }))).toMatchObject({ code: 'not-joined' });
  expect(refusalOf(view({ plan }, { phase: 'reconnecting' }))).toBeNull();
});
