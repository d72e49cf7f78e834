import { expect, test } from 'vitest';
import type { Stage } from '../model/plan.ts';
import { planRoom } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { device, link, problem, spec } from './testing/problem.ts';

const stage = (peerId: number, startLayer: number, endLayer: number, head = false): Stage => ({
  peerId,
  layers: { startLayer, endLayer },
  head,
});

function stagesOf(asked: PlanningProblem) {
  const result = planRoom(asked);
  if (!result.ok) throw new Error(result.error.message);
  return result.layout.stages.map((s) => [s.peerId, s.layers.startLayer, s.layers.endLayer, s.head]);
}

const big = spec(8, { layerBytes: new Array<number>(8).fill(1e8), headBytes: 1e8 });
const room = (peers: number[], surviving: Stage[], changes: Partial<PlanningProblem> = {}) =>
  problem({ spec: big, devices: peers.map((id) => device(id, 5, 6.5e8)), surviving, ...changes });

test('the neighbours of a lost stage share its layers and keep their own', () => {
  expect(stagesOf(room([1, 3], [stage(1, 0, 3), stage(3, 5, 8, true)]))).toEqual([
    [1, 0, 4, false],
    [3, 4, 8, true],
  ]);
});

test('a spare device takes a part where that is loaded sooner', () => {
  const stages = stagesOf(room([1, 3, 4], [stage(1, 0, 2), stage(3, 6, 8, true)]));
  const held = new Map(stages.map(([id, start, end]) => [id, [start, end]]));
  expect(held.get(1)![0]).toBe(0);
  expect(held.get(3)![1]).toBe(8);
  // 4 lost layers, two devices load at the same time.
  for (const [id, start, end, before] of [
    [1, 0, held.get(1)![1], 2],
    [3, held.get(3)![0], 8, 2],
  ] as const) {
    expect((end as number) - (start as number) - before, `device ${id}`).toBeLessThanOrEqual(2);
  }
});

test('a lost end goes to the stage before it, the head too', () => {
  expect(stagesOf(room([1, 2], [stage(1, 0, 3), stage(2, 3, 6)]))).toEqual([
    [1, 0, 3, false],
    [2, 3, 8, true],
  ]);
});

test('two gaps at once are both filled', () => {
  const stages = stagesOf(room([1, 2, 3], [stage(1, 1, 3), stage(2, 4, 6), stage(3, 6, 8, true)]));
  expect(stages.map(([id]) => id)).toEqual([1, 2, 3]);
  expect(stages[0]![1]).toBe(0);
});

test('where survivors have no room or no link, the best plan is made at once', () => {
  const apart = room([1, 3, 4], [stage(1, 0, 4), stage(3, 6, 8, true)], { links: [link(1, 4), link(3, 4)] });
  expect(stagesOf(apart).map(([id]) => id)).toContain(4);
  const full = room([1, 3], [stage(1, 0, 2)], { devices: [device(1, 5, 3e8), device(3, 5, 1e10)] });
  expect(stagesOf(full)[0]).toEqual([1, 0, 2, false]);
});
