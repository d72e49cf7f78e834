import { expect, test } from 'vitest';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { refreshed } from './refresh.ts';
import { device, problem } from './testing/problem.ts';

function best(asked: PlanningProblem): PlanLayout {
  const result = planRoom(asked);
  if (!result.ok) throw new Error(result.error.message);
  return result.layout;
}

/** Four layers on either of two devices. */
const room = (layerMs1: number, layerMs2: number) => problem({ devices: [device(1, layerMs1, 1e6), device(2, layerMs2, 1e6)] });

test('the best plan says what the planner says', () => {
  const asked = room(6, 9);
  const { stages: _, sourceLayers: __, contextLength: ___, wireDtype: ____, ...words } = best(asked);
  expect(refreshed(best(room(5, 9)), best(asked), asked)).toEqual(words);
});

test('a plan that stays beside a better one takes what its own stages take, and says that a move gains too little', () => {
  const asked = room(10, 9.5);
  const words = refreshed(best(room(5, 9)), best(asked), asked)!;
  expect(words.predicted).toMatchObject({ msPerToken: 40, stageMs: [40] });
  expect(words.why).toEqual({
    code: 'alone',
    peerId: 1,
    layers: 4,
    isFastest: false,
    expected: { objective: 'latency', msPerToken: 40 },
    possibleGain: null,
    tooLittleBetter: { objective: 'latency', msPerToken: 38 },
  });
  expect(words.leftOut).toEqual([{ peerId: 2, reason: { code: 'too-little-gain', until: 'next-token', savedMs: 2 } }]);
});

test('devices that no plan wants keep the reason that the best plan gives', () => {
  const asked = problem({ devices: [device(1, 10, 1e6), device(2, 9.5, 1e6), device(3, 99, 1e6)] });
  const words = refreshed(best(room(5, 9)), best(asked), asked)!;
  expect(words.leftOut.find(({ peerId }) => peerId === 3)).toEqual(best(asked).leftOut.find(({ peerId }) => peerId === 3));
});

test('a plan for another objective says what it takes for the present one', () => {
  const asked = { ...room(5, 9), objective: 'throughput' as const };
  expect(refreshed(best(room(5, 9)), best(asked), asked)?.objective).toBe('throughput');
});

test('stages that no chat can reach have nothing to say', () => {
  const gone = problem({ devices: [device(2, 9, 1e6)] });
  expect(refreshed(best(room(5, 9)), best(gone), gone)).toBeNull();
});
