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
