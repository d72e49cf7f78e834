import { describe, expect, test } from 'vitest';
import { OBJECTIVES } from '../model/plan.ts';
import { passCost } from './evaluate.ts';
import { type Goal, goalMs, predictedMs } from './objective.ts';
import { planRoom } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { solve } from './solve.ts';
import { settingOf } from './solver-setting.ts';
import { leastByEnumeration } from './testing/enumerate.ts';
import { randomNumbers, randomRoom } from './testing/random-room.ts';

/**
 * Small rooms, tight and loose, even and uneven, with the head on either side, one chat or two, layers on the chat or none,
 * links missing or not: each drawn by itself, so that all of them meet. Each room comes once for every objective.
 */
function* smallRooms(count: number) {
  for (let seed = 1; seed <= count; seed++) {
    const random = randomNumbers(seed + 1e6);
    const oneOf = <T>(...all: T[]) => all[Math.floor(random() * all.length)]!;
    const layers = 1 + Math.floor(random() * 8);
    const shape = {
      seed,
      layers,
      devices: 1 + Math.floor(random() * 5),
      room: oneOf(1.05, 1.3, 2, 4),
      isUneven: oneOf(true, false),
      head: oneOf<'last-stage' | 'source'>('last-stage', 'last-stage', 'source'),
      isShared: oneOf(true, false),
      sourceLayers: oneOf(0, 0, 0, Math.min(2, layers - 1)),
      unlinked: oneOf(0, 0, 0.3),
      isServing: oneOf(true, false, false),
    };
    for (const objective of OBJECTIVES) {
      const asked = randomRoom({ ...shape, objective });
      yield { seed, asked, ...settingOf(asked, asked.sources, shape.head) };
    }
  }
}

/** Thousands of rooms take some seconds, but a busy machine takes its time. */
const TIMEOUT_MS = 120_000;

describe('for every small room', () => {
  test(
    'the plan is as good as the best of all plans there are, and valid',
    () => {
      let planned = 0;
      for (const { seed, tables, goal } of smallRooms(2000)) {
        const least = leastByEnumeration(tables, goal);
        const solution = solve(tables, goal);
        expect(solution?.valueMs ?? Number.POSITIVE_INFINITY, `room ${seed}, ${goal.kind}`).toBeCloseTo(least, 6);
        if (!solution) continue;
        const cost = passCost(tables, solution.parts);
        expect(cost && goalMs(goal, cost.passMs, cost.bottleneckMs), `room ${seed}`).toBeCloseTo(least, 6);
        expect(solution.isProven).toBe(true);
        planned++;
      }
      // Most rooms have a plan at all: else little would be shown.
      expect(planned).toBeGreaterThan(3000);
    },
    TIMEOUT_MS,
  );

  test(
    'forcing a device in costs what the best plan with it costs',
    () => {
      for (const { seed, tables, goal } of smallRooms(100)) {
        const required = [seed % tables.peerIds.length];
        const least = leastByEnumeration(tables, goal, required);
        expect(solve(tables, goal, { required })?.valueMs ?? Number.POSITIVE_INFINITY, `room ${seed}`).toBeCloseTo(least, 6);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'a head that may be on either side is where it is better',
    () => {
      for (const { asked, seed, ...setting } of smallRooms(300)) {
        if (setting.head === 'last-stage') continue;
        const least = leastWith(asked, setting.goal);
        const result = planRoom({ ...asked, head: 'either' });
        const plannedMs = result.ok ? predictedMs(result.layout.predicted, asked.objective) : Number.POSITIVE_INFINITY;
        expect(plannedMs, `room ${seed}, ${setting.goal.kind}`).toBeCloseTo(least, 6);
      }
    },
    TIMEOUT_MS,
  );
});

/** The best plan beside what devices hold; where none fits beside it, the best of all. */
function leastWith(asked: PlanningProblem, goal: Goal): number {
  const leastOf = (problem: PlanningProblem) => {
    const places = ['last-stage', 'source'] as const;
    return Math.min(...places.map((head) => leastByEnumeration(settingOf(problem, asked.sources, head).tables, goal)));
  };
  const least = leastOf(asked);
  return Number.isFinite(least) ? least : leastOf({ ...asked, devices: asked.devices.map(({ held: _, ...device }) => device) });
}

describe('for rooms too large to try every plan', () => {
  test(
    'the search for uneven layers finds what the search for equal ones finds, and proves it',
    () => {
      for (let seed = 1; seed <= 60; seed++) {
        const shape = { seed, devices: 6 + (seed % 7), layers: 20 + (seed % 13), room: [1.15, 2, 4][seed % 3]! };
        const asked = randomRoom({ ...shape, objective: OBJECTIVES[seed % 3]!, head: seed % 5 === 0 ? 'source' : 'last-stage' });
        const { tables, goal } = settingOf(asked, asked.sources, asked.head === 'source' ? 'source' : 'last-stage');
        const equal = solve(tables, goal);
        // A millionth more for every other layer changes who searches, and hardly the answer.
        const slightlyUneven = tables.msBefore.map((before) => before.map((ms, layer) => ms + (layer % 2) * 1e-6));
        const uneven = solve({ ...tables, msBefore: slightlyUneven }, goal);
        expect(uneven?.valueMs ?? 0, `room ${seed}`).toBeCloseTo(equal?.valueMs ?? 0, 3);
        expect(uneven?.isProven ?? true, `room ${seed}`).toBe(true);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'plans of 16 devices with uneven layers are proven, whatever they are made for',
    () => {
      for (const [at, objective] of OBJECTIVES.entries()) {
        for (const room of [1.2, 3]) {
          const asked = randomRoom({ seed: 40 + at, devices: 16, layers: 48, room, objective, isUneven: true });
          const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
          const solution = solve(tables, goal)!;
          expect(solution.isProven, `${objective}, ${room}`).toBe(true);
          expect(solution.lowerMs).toBe(solution.valueMs);
        }
      }
    },
    TIMEOUT_MS,
  );
});
