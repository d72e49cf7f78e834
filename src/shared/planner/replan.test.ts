import { expect, test } from 'vitest';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { shouldAdopt } from './replan.ts';
import { device, link, problem, spec } from './testing/problem.ts';

function planned(asked: PlanningProblem): PlanLayout {
  const result = planRoom(asked);
  if (!result.ok) throw new Error(result.error.message);
  return result.layout;
}

const room = (layerMs1: number, layerMs2: number) => problem({ devices: [device(1, layerMs1, 1e6), device(2, layerMs2, 1e6)] });

test('the first plan is adopted', () => {
  expect(shouldAdopt(null, planned(room(5, 9)), room(5, 9))).toBe(true);
});

test('a plan is kept while the better one wins by a twentieth or less', () => {
  const current = planned(room(10, 11));
  const noisy = room(10, 9.5);
  expect(planned(noisy).stages[0]?.peerId).toBe(2);
  expect(shouldAdopt(current, planned(noisy), noisy)).toBe(false);
  expect(shouldAdopt(current, planned(room(10, 9.4)), room(10, 9.4))).toBe(true);
});

test('a plan whose device is gone, or has no room any more, is left at once', () => {
  const current = planned(room(10, 11));
  const without = problem({ devices: [device(2, 11, 1e6)] });
  expect(shouldAdopt(current, planned(without), without)).toBe(true);
  const shrunk = problem({ devices: [device(1, 10, 5), device(2, 11, 1e6)] });
  expect(shouldAdopt(current, planned(shrunk), shrunk)).toBe(true);
});

test('a plan that cannot serve a chat is left for one that can', () => {
  const current = planned(room(10, 11));
  const joined = problem({ devices: [device(1, 10, 1e6), device(2, 11, 1e6)], sources: [9], links: [link(2, 9)] });
  expect(shouldAdopt(current, planned(joined), joined)).toBe(true);
});

test('a chat that nobody can reach does not move the others', () => {
  const current = planned(room(10, 11));
  const joined = problem({ devices: [device(1, 10, 1e6), device(2, 11, 1e6)], sources: [8, 9], links: [link(1, 8), link(2, 8)] });
  expect(shouldAdopt(current, planned(joined), joined)).toBe(false);
});

test('another context or number format is a new plan, the same plan never is', () => {
  const asked = room(5, 9);
  const current = planned(asked);
  expect(shouldAdopt(current, planned({ ...asked, contextLength: 2 }), { ...asked, contextLength: 2 })).toBe(true);
  expect(shouldAdopt(current, planned({ ...asked, wireDtype: 'f16' }), { ...asked, wireDtype: 'f16' })).toBe(true);
  expect(shouldAdopt(current, current, asked)).toBe(false);
});

test('a gain that loading would eat up is not worth a move, one that lasts is', () => {
  const heavy = (layerBytes: number) => {
    const big = spec(4, { layerBytes: new Array<number>(4).fill(layerBytes) });
    const devices = [device(1, 10, 1e12), device(2, 8, 1e12)];
    return { now: problem({ spec: big, devices: devices.slice(0, 1) }), joined: problem({ spec: big, devices }) };
  };
  // 8 GB at 50 Mbit/s take longer than the five minutes that a move must pay for itself in.
  const large = heavy(2e9);
  expect(shouldAdopt(planned(large.now), planned(large.joined), large.joined)).toBe(false);
  const small = heavy(2e7);
  expect(shouldAdopt(planned(small.now), planned(small.joined), small.joined)).toBe(true);
});
