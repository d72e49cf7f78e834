import * as v from 'valibot';
import { expect, test } from 'vitest';
import { OBJECTIVES } from '../model/plan.ts';
import { LeftOutReasonSchema, PlanWhySchema } from '../model/plan-reasons.ts';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { settingOf } from './solver-setting.ts';
import { leastByEnumeration } from './testing/enumerate.ts';
import { allLinks, device, link, problem } from './testing/problem.ts';
import { randomRoom } from './testing/random-room.ts';

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
  expect(reasonOf(layout, 2)).toEqual({
    code: 'costs',
    loss: { objective: 'latency', moreMs: expect.any(Number) },
    isGuess: false,
    slowness: { code: 'slow-link', to: expect.any(Number), linkMbps: 0.5 },
  });
});

test('a far device is told its round trip, a slow one its layers, a busy one its overhead', () => {
  const far = planned(problem({ devices: [device(1, 5, 1e6), device(2, 5, 110)], links: allLinks([1, 2], 80) }));
  expect(reasonOf(far, 2)).toMatchObject({
    loss: { moreMs: expect.closeTo(40, 1) },
    slowness: { code: 'far-link', to: 1, rttMs: 80 },
  });
  const slow = planned(problem({ devices: [device(1, 5, 1e6), device(2, 50, 110)] }));
  expect(reasonOf(slow, 2)).toMatchObject({
    loss: { moreMs: expect.closeTo(46, 1) },
    slowness: { code: 'layers', layerMs: expect.closeTo(50, 1) },
  });
  const heavy = device(2, 1, 110);
  const busy = planned(
    problem({ devices: [device(1, 5, 1e6), { ...heavy, profile: { ...heavy.profile, forwardOverheadMs: 70 } }] }),
  );
  expect(reasonOf(busy, 2)).toMatchObject({ slowness: { code: 'overhead', overheadMs: 70 } });
});

test('a device that is too small, unlinked or unmeasured is told so', () => {
  const devices = [device(1, 5, 1e6), device(2, 1, 90), device(3, 1, 1e6), device(4, Number.NaN, 1e6)];
  const layout = planned(problem({ devices, links: [link(1, 2), link(1, 9)], sources: [9] }));
  expect(reasonOf(layout, 2)).toEqual({ code: 'too-small', lendsBytes: 90, layerBytes: 104 });
  expect(reasonOf(layout, 3)).toEqual({ code: 'unlinked' });
  expect(reasonOf(layout, 4)).toEqual({ code: 'unusable' });
});

test('every device is in the plan or has its reason, and the cost named is that of the best plan with it', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const asked = randomRoom({ seed, devices: 4, layers: 6, room: 3, objective: 'latency', isUneven: seed % 2 === 0 });
    const layout = planned(asked);
    expect([...layout.stages, ...layout.leftOut].map((one) => one.peerId).sort()).toEqual([1, 2, 3, 4]);
    const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
    for (const { peerId, reason } of layout.leftOut) {
      const costMs = leastByEnumeration(tables, goal, [peerId - 1]) - layout.predicted.msPerToken;
      expect(reason, `room ${seed}`).toMatchObject({ code: 'costs', loss: { moreMs: expect.closeTo(costMs, 6) } });
    }
  }
});

test('one device that is best alone is said to be so, a chain what it saves', () => {
  const far = problem({ devices: [device(1, 5, 1e6), device(2, 5, 1e6)], links: allLinks([1, 2], 80) });
  expect(planned(far).why).toMatchObject({
    code: 'alone',
    peerId: 1,
    layers: 4,
    isFastest: true,
    expected: { objective: 'latency', msPerToken: 20 },
    possibleGain: null,
  });
  const shared = problem({ devices: [device(1, 5, 1e6), device(2, 1, 300)], links: allLinks([1, 2], 1) });
  const { predicted, why } = planned(shared);
  expect(why).toMatchObject({
    code: 'chain',
    devices: 2,
    expected: { objective: 'latency', msPerToken: predicted.msPerToken },
    linksMs: expect.closeTo(0.5, 1),
    overheadMs: 0,
    aloneMs: 20,
  });
});

test('of plans that tie within a twentieth, the one that loads nothing is taken', () => {
  const loaded = { ...device(1, 10, 1e6), stored: { layers: [0, 1, 2, 3], head: true } };
  const tied = planned(problem({ devices: [loaded, device(2, 9.6, 1e6)], links: allLinks([1, 2], 80) }));
  expect(tied.stages.map((stage) => stage.peerId)).toEqual([1]);
  const faster = planned(problem({ devices: [loaded, device(2, 9, 1e6)], links: allLinks([1, 2], 80) }));
  expect(faster.stages.map((stage) => stage.peerId)).toEqual([2]);
});

test('what a plan says of itself fits the wire', () => {
  for (let seed = 1; seed <= 60; seed++) {
    for (const objective of OBJECTIVES) {
      const { why, leftOut } = planned(randomRoom({ seed, devices: 4, layers: 6, room: 3, objective, isUneven: seed % 2 === 0 }));
      expect(v.parse(PlanWhySchema, why)).toEqual(why);
      for (const { reason } of leftOut) expect(v.parse(LeftOutReasonSchema, reason)).toEqual(reason);
    }
  }
});
