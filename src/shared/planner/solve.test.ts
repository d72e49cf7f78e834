import { describe, expect, test } from 'vitest';
import { OBJECTIVES } from '../model/plan.ts';
import { leastByEnumeration } from './enumerate.test-problem.ts';
import { passCost } from './evaluate.ts';
import { goalMs } from './goal.ts';
import { randomRoom } from './random-room.test-problem.ts';
import { settingOf } from './setting.ts';
import { solve } from './solve.ts';

/** Small rooms, tight and loose, even and uneven, with the head on either side. */
function* smallRooms(count: number) {
  for (let seed = 1; seed <= count; seed++) {
    const shape = {
      seed,
      devices: 1 + (seed % 5),
      layers: 1 + ((seed * 7) % 8),
      room: [1, 1.1, 1.5, 3][seed % 4]!,
      objective: OBJECTIVES[seed % 3]!,
      isUneven: seed % 2 === 0,
      head: seed % 5 === 0 ? ('source' as const) : ('last-stage' as const),
      unlinked: seed % 7 === 0 ? 0.3 : 0,
    };
    const asked = randomRoom(shape);
    yield { seed, ...settingOf(asked, asked.sources, shape.head) };
  }
}

/** Thousands of rooms take two seconds, but a busy machine takes its time. */
const TIMEOUT_MS = 60_000;

describe('for every small room', () => {
  test(
    'the plan is as good as the best of all plans there are, and valid',
    () => {
      for (const { seed, tables, goal } of smallRooms(2400)) {
        const least = leastByEnumeration(tables, goal);
        const solution = solve(tables, goal);
        expect(solution?.valueMs ?? Number.POSITIVE_INFINITY, `room ${seed}`).toBeCloseTo(least, 6);
        if (!solution) continue;
        const cost = passCost(tables, solution.parts);
        expect(cost && goalMs(goal, cost.passMs, cost.bottleneckMs), `room ${seed}`).toBeCloseTo(least, 6);
        expect(solution.isProven).toBe(true);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'forcing a device in costs what the best plan with it costs',
    () => {
      for (const { seed, tables, goal } of smallRooms(300)) {
        const required = [seed % tables.peerIds.length];
        const least = leastByEnumeration(tables, goal, required);
        expect(solve(tables, goal, { required })?.valueMs ?? Number.POSITIVE_INFINITY, `room ${seed}`).toBeCloseTo(least, 6);
      }
    },
    TIMEOUT_MS,
  );
});

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
