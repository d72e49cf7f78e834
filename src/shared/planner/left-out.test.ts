import { expect, test } from 'vitest';
import { leastByEnumeration } from './enumerate.test-problem.ts';
import { allLinks, device, link, problem } from './plan.test-problem.ts';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { randomRoom } from './random-room.test-problem.ts';
import { settingOf } from './setting.ts';

/** With all the time that reasons take: a busy machine would have them guessed. */
function planned(asked: PlanningProblem): PlanLayout {
  const result = planRoom(asked, { now: () => 0 });
  if (!result.ok) throw new Error(result.error.message);
  return result.layout;
}

const reasonOf = (layout: PlanLayout, peerId: number) => layout.leftOut.find((one) => one.peerId === peerId)?.reason;

test('a device with a slow link is told what that link would cost', () => {
  const links = [link(1, 2, 2, 0.5), link(1, 9, 2), link(2, 9, 2, 0.5)];
  const layout = planned(problem({ devices: [device(1, 5, 1e6), device(2, 4, 1e6)], links, sources: [9] }));
  expect(layout.stages.map((stage) => stage.peerId)).toEqual([1]);
  // 8,000 bits at 0.5 Mbit/s are 16 ms; a layer there saves one ms.
  expect(reasonOf(layout, 2)).toMatch(
    /^adding device 2 would cost \d+\.\d+ ms more per token: its link to device \d is 0.5 Mbit\/s\.$/,
  );
});

test('a far device is told its round trip, a slow one its layers, a busy one its overhead', () => {
  const far = planned(problem({ devices: [device(1, 5, 1e6), device(2, 5, 110)], links: allLinks([1, 2], 80) }));
  expect(reasonOf(far, 2)).toBe(
    'adding device 2 would cost 40.0 ms more per token: its link to device 1 takes 80.0 ms there and back.',
  );
  const slow = planned(problem({ devices: [device(1, 5, 1e6), device(2, 50, 110)] }));
  expect(reasonOf(slow, 2)).toMatch(/^adding device 2 would cost 46\.0 ms more per token: it takes 50\.0 ms a layer/);
  const heavy = device(2, 1, 110);
  const busy = planned(
    problem({ devices: [device(1, 5, 1e6), { ...heavy, profile: { ...heavy.profile, forwardOverheadMs: 70 } }] }),
  );
  expect(reasonOf(busy, 2)).toMatch(/each forward costs it 70\.0 ms before any layer\.$/);
});

test('a device that is too small, unlinked or unmeasured is told so', () => {
  const devices = [device(1, 5, 1e6), device(2, 1, 90), device(3, 1, 1e6), device(4, Number.NaN, 1e6)];
  const layout = planned(problem({ devices, links: [link(1, 2), link(1, 9)], sources: [9] }));
  expect(reasonOf(layout, 2)).toBe('it lends 90 bytes for layers, one layer needs 104 bytes.');
  expect(reasonOf(layout, 3)).toMatch(/no chain of linked devices/);
  expect(reasonOf(layout, 4)).toMatch(/cannot be computed with/);
});

test('every device is in the plan or has its reason, and the cost named is that of the best plan with it', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const asked = randomRoom({ seed, devices: 4, layers: 6, room: 3, objective: 'latency', isUneven: seed % 2 === 0 });
    const layout = planned(asked);
    expect([...layout.stages, ...layout.leftOut].map((one) => one.peerId).sort()).toEqual([1, 2, 3, 4]);
    const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
    for (const { peerId, reason } of layout.leftOut) {
      const named = Number(/would cost ([\d.]+) ms/.exec(reason)?.[1] ?? Number.NaN);
      const costMs = leastByEnumeration(tables, goal, [peerId - 1]) - layout.predicted.msPerToken;
      expect(named, `room ${seed}: ${reason}`).toBeCloseTo(costMs, costMs < 10 ? 1 : 0);
    }
  }
});

test('one device that is best alone is said to be so, a chain what it saves', () => {
  const far = problem({ devices: [device(1, 5, 1e6), device(2, 5, 1e6)], links: allLinks([1, 2], 80) });
  expect(planned(far).why).toBe('Device 1 alone runs all 4 layers: 20.0 ms a token; every chain of devices is slower.');
  const shared = problem({ devices: [device(1, 5, 1e6), device(2, 1, 300)], links: allLinks([1, 2], 1) });
  expect(planned(shared).why).toMatch(
    /^2 devices in a chain: \d+\.\d+ ms a token \(compute .* ms, links 0\.50 ms, overhead 0\.00 ms\); the best device alone would take 20\.0 ms\.$/,
  );
});

test('of plans that tie within a twentieth, the one that loads nothing is taken', () => {
  const loaded = { ...device(1, 10, 1e6), stored: { layers: [0, 1, 2, 3], head: true } };
  const tied = planned(problem({ devices: [loaded, device(2, 9.6, 1e6)], links: allLinks([1, 2], 80) }));
  expect(tied.stages.map((stage) => stage.peerId)).toEqual([1]);
  const faster = planned(problem({ devices: [loaded, device(2, 9, 1e6)], links: allLinks([1, 2], 80) }));
  expect(faster.stages.map((stage) => stage.peerId)).toEqual([2]);
});

test('sentences call devices and chats by their names', () => {
  const names = new Map([
    [1, 'Desktop'],
    [2, 'Pixel 7'],
    [9, 'Ann’s laptop'],
  ]);
  const links = [link(1, 2, 2, 1e6), link(1, 9, 2), link(2, 9, 2, 0.5)];
  const layout = planned(problem({ devices: [device(1, 5, 1e6), device(2, 50, 1e6)], links, sources: [9], names }));
  expect(layout.why).toMatch(/^“Desktop” alone runs all 4 layers/);
  expect(reasonOf(layout, 2)).toMatch(/^adding “Pixel 7” would cost \d+\.\d ms more per token: /);
  const near = { ...problem({ devices: [device(1, 5, 1e6), device(2, 1, 110)], links, sources: [9], names }) };
  const far = { ...near, links: [link(1, 2, 200), link(1, 9, 2), link(2, 9, 200)] };
  expect(reasonOf(planned(far), 2)).toMatch(/its link to “(Desktop|Ann’s laptop)” takes 200\.0 ms there and back\.$/);
});
