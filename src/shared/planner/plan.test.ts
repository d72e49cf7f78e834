import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { PlanWhySchema } from '../model/plan-reasons.ts';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { predictStages, servedSources } from './replan.ts';
import { settingOf, withUsableDevices } from './solver-setting.ts';
import { leastByEnumeration } from './testing/enumerate.ts';
import { allLinks, arbitraryProblem, device, link, problem, spec } from './testing/problem.ts';

/** Bytes of n layers with a context of one token: 92 of weights and 12 of keys and values each. */
const layers = (n: number) => n * 104;
const HEAD = 60;
const EMBEDDING = 50;

function planned(asked: PlanningProblem): PlanLayout {
  const result = planRoom(asked);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.layout;
}

function failed(asked: PlanningProblem) {
  const result = planRoom(asked);
  if (result.ok) throw new Error(`planned: ${result.layout.why}`);
  return result.error;
}

const ranges = (layout: PlanLayout) => layout.stages.map((s) => [s.peerId, s.layers.startLayer, s.layers.endLayer]);

describe('a plan', () => {
  test('names the head on its last stage only and covers the layers in order', () => {
    const devices = [1, 2, 3].map((id) => device(id, 5, layers(2) + HEAD));
    const layout = planned(problem({ devices, spec: spec(6) }));
    expect(layout.stages.map((s) => s.head)).toEqual([false, false, true]);
    expect(ranges(layout).map(([, start, end]) => [start, end])).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
    ]);
    expect(layout.predicted.linkMs).toHaveLength(4);
  });

  test('fills a device to its last byte and not one further', () => {
    const exact = layers(4) + HEAD;
    expect(ranges(planned(problem({ devices: [device(1, 5, exact)] })))).toEqual([[1, 0, 4]]);
    expect(failed(problem({ devices: [device(1, 5, exact - 1)] })).code).toBe('does-not-fit');
  });

  test('keeps room for the embedding on a device that chats, and for every sequence', () => {
    const exact = layers(4) + HEAD + EMBEDDING;
    const room = { sources: [1], sequences: 1 };
    expect(planned(problem({ ...room, devices: [device(1, 5, exact, true)] })).stages).toHaveLength(1);
    expect(failed(problem({ ...room, devices: [device(1, 5, exact - 1, true)] })).code).toBe('does-not-fit');
    expect(failed(problem({ devices: [device(1, 5, layers(4) + HEAD)], sequences: 2 })).values).toMatchObject({
      missingBytes: 48,
    });
  });

  test('says what is missing with its numbers', () => {
    const big = spec(4, { name: 'Big', layerBytes: [1e9, 1e9, 1e9, 1e9], headBytes: 1e8 });
    const error = failed(problem({ spec: big, devices: [device(1, 1, 1e9), device(2, 1, 1e9)] }));
    expect(error).toMatchObject({
      code: 'does-not-fit',
      values: { model: 'Big', contextTokens: 1, lentBytes: 2e9 },
    });
    const { neededBytes, missingBytes } = error.values as { neededBytes: number; missingBytes: number };
    expect(neededBytes).toBeGreaterThan(4.1e9);
    expect(missingBytes).toBe(neededBytes - 2e9);
  });

  test('says so when enough is lent but in portions that hold no whole layer', () => {
    const devices = [1, 2, 3, 4, 5, 6, 7].map((id) => device(id, 1, 100));
    expect(failed(problem({ devices })).values).toMatchObject({ lentBytes: 700, missingFromOneBytes: expect.any(Number) });
  });

  test('gives a room without devices, and one whose numbers cannot be used, no-devices', () => {
    expect(failed(problem({})).code).toBe('no-devices');
    expect(failed(problem({ devices: [device(1, Number.NaN, 1e6)] })).code).toBe('no-devices');
  });

  test('prefers one device when links cost more than they save, and says so', () => {
    const devices = [device(1, 5, 1e6), device(2, 5, 1e6)];
    const layout = planned(problem({ devices, links: allLinks([1, 2], 40) }));
    expect(layout.stages).toHaveLength(1);
    expect(layout.why).toMatchObject({ code: 'alone', peerId: 1, layers: 4, isFastest: true });
  });

  test('spreads the layers for throughput as far as the bottleneck falls', () => {
    const devices = [1, 2, 3, 4].map((id) => device(id, 5, 1e6));
    const layout = planned(problem({ devices, objective: 'throughput' }));
    expect(layout.stages).toHaveLength(4);
    expect(layout.predicted.bottleneckMs).toBe(5);
  });

  test('puts a slow device with memory behind a fast one without', () => {
    const layout = planned(problem({ devices: [device(1, 50, 1e6), device(2, 1, layers(3))] }));
    expect(ranges(layout)).toEqual([
      [2, 0, 3],
      [1, 3, 4],
    ]);
  });

  test('uses a device without links alone or not at all', () => {
    const lonely = [device(1, 1, 1e6), device(2, 9, 300), device(3, 9, 300)];
    expect(ranges(planned(problem({ devices: lonely, links: [link(2, 3)] })))).toEqual([[1, 0, 4]]);
    const small = [device(1, 1, 300), device(2, 9, 300), device(3, 9, 300)];
    expect(ranges(planned(problem({ devices: small, links: [link(2, 3)] }))).map(([id]) => id)).not.toContain(1);
  });

  test('calls a room with memory but without links no-path', () => {
    const devices = [device(1, 1, 300), device(2, 1, 300)];
    expect(failed(problem({ devices, links: [] })).code).toBe('no-path');
    expect(failed(problem({ devices, links: [link(1, 2, 2, 0)] })).code).toBe('no-path');
    expect(failed(problem({ devices: [device(1, 1, 1e6)], links: [], sources: [9] })).code).toBe('no-path');
  });

  test('serves the chats that it can reach when another has no link', () => {
    const asked = problem({ devices: [device(1, 1, 1e6)], sources: [8, 9], links: [link(1, 8, 10)] });
    expect(planned(asked).predicted.linkMs[0]).toBeCloseTo(5, 3);
  });

  test('leaves no chat out that it could serve, however few devices that one reaches', () => {
    const [large, ...tiny] = [device(1, 1, 1e6), device(2, 1, 1), device(3, 1, 1)];
    const toTiny = tiny.map(({ peerId }) => link(8, peerId));
    const alone = problem({ devices: [large!, ...tiny], sources: [8, 9], links: [...toTiny, link(1, 9)] });
    expect(servedSources(planned(alone).stages, alone)).toEqual([9]);
    // Of two halves of a room, the larger one is served whole, and whoever reaches both.
    const halves = [1, 2, 3, 4].map((id) => device(id, 1, id < 3 ? layers(4) + HEAD : layers(1)));
    const links = [...allLinks([1, 2]), ...allLinks([3, 4]), link(7, 1), link(7, 2), link(8, 3), link(8, 4), link(9, 1)];
    const asked = problem({ devices: halves, sources: [7, 8, 9], links });
    expect(servedSources(planned(asked).stages, asked)).toEqual([7, 9]);
  });

  test('counts the way from the chats and back, as their mean', () => {
    const asked = problem({ devices: [device(1, 1, 1e6)], sources: [8, 9], links: [link(1, 8, 10), link(1, 9, 30)] });
    const { linkMs, msPerToken } = planned(asked).predicted;
    expect(linkMs).toEqual([expect.closeTo(10, 3), expect.closeTo(10, 3)]);
    expect(msPerToken).toBeCloseTo(24, 3);
  });

  test('finds the only chain of a room linked in a line, whatever the speeds', () => {
    const order = [4, 2, 6, 1, 5, 3];
    const devices = order.map((id, i) => device(id, i === 3 ? 1 : 10 + id, layers(1) + (i === 5 ? HEAD : 0)));
    const links = order.slice(1).map((id, i) => link(order[i]!, id));
    expect(ranges(planned(problem({ spec: spec(6), devices, links }))).map(([id]) => id)).toEqual(order);
  });

  test('leads no chain through a device that a chat cannot reach, though its neighbours do', () => {
    const devices = [1, 2, 3].map((id) => device(id, 1, layers(2) + HEAD));
    const [around, ofChat] = [allLinks([1, 2, 3]), [link(1, 9), link(3, 9)]];
    const asked = problem({ spec: spec(6), devices, sources: [9], links: [...around, ...ofChat] });
    expect(failed(asked).code).toBe('no-path');
    const reached = { ...asked, links: [...asked.links, link(2, 9)] };
    const { stages } = planned(reached);
    expect(stages).toHaveLength(3);
    expect(servedSources(stages, reached)).toEqual([9]);
    expect(servedSources(stages, asked)).toEqual([]);
  });

  test('passes through a small device when the large one could do without it but the links could not', () => {
    const devices = [device(1, 1, layers(6)), device(2, 9, layers(1)), device(3, 9, layers(1) + HEAD)];
    const layout = planned(problem({ spec: spec(8), devices, links: [link(1, 2), link(2, 3)] }));
    expect(ranges(layout)).toEqual([
      [1, 0, 6],
      [2, 6, 7],
      [3, 7, 8],
    ]);
  });

  test('gives no device more than it has room for beside what it still holds', () => {
    const holding = { ...device(1, 1, layers(3) + HEAD), held: { layers: [0, 1], head: false } };
    const asked = problem({ devices: [holding, device(2, 1, layers(4) + HEAD)], links: allLinks([1, 2], 80) });
    const { held: _, ...free } = holding;
    const ends = (layout: PlanLayout) =>
      ranges(layout)
        .find(([peerId]) => peerId === 1)
        ?.slice(1);
    // Three layers in all, of which it has the first two: it may begin there, but not take the last three.
    const required = planned({ ...asked, devices: [holding, device(2, 1, layers(1) + HEAD)] });
    expect(ends(required)).toEqual([0, 3]);
    const other = planned({ ...asked, devices: [free, device(2, 1, layers(1))], links: [link(1, 2, 1), link(2, 9, 1)] });
    expect(ends(other)).toEqual([1, 4]);
  });

  test('serves every chat that it can, though nothing that does fits beside what devices hold', () => {
    const held = { layers: [0, 1], head: false };
    const devices = [
      { ...device(1, 1, layers(2) + HEAD), held: { layers: [2, 3], head: true } },
      { ...device(2, 1, layers(3) + HEAD), held },
      device(3, 1, layers(1)),
    ];
    const links = [...allLinks([1, 2, 3, 8]), link(2, 9), link(3, 9)];
    const layout = planned(problem({ devices, links, sources: [8, 9] }));
    expect(ranges(layout)).toEqual([
      [3, 0, 1],
      [2, 1, 4],
    ]);
  });

  test('leaves the first layers to the chat when asked, and counts its time and memory', () => {
    const devices = [device(1, 5, layers(2) + EMBEDDING, true), device(2, 1, 1e6)];
    const asked = problem({ devices, sources: [1], sourceLayers: 2 });
    const layout = planned(asked);
    expect(ranges(layout)).toEqual([[2, 2, 4]]);
    // Two layers on the chat, two on the other device, one millisecond there and one back.
    expect(layout.predicted.msPerToken).toBeCloseTo(10 + 2 + 2, 2);
    expect(failed({ ...asked, sourceLayers: 4 }).code).toBe('model-malformed');
    // A chat that has not measured itself is served too; what its own part takes nobody knows.
    const unmeasured = planned({ ...asked, sources: [9], links: allLinks([1, 2, 9]) });
    expect(unmeasured.predicted.msPerToken).toBeCloseTo(2 + 2, 2);
  });

  test('puts the head on the chat or on the last stage, wherever it is faster', () => {
    const withHead = (id: number, headMs: number) => {
      const plain = device(id, 1, id === 1 ? HEAD + EMBEDDING : 1e6, id === 1);
      return { ...plain, profile: { ...plain.profile, headMs } };
    };
    const heads = (sourceMs: number, stageMs: number) =>
      planned(problem({ devices: [withHead(1, sourceMs), withHead(2, stageMs)], sources: [1], head: 'either' })).stages.some(
        (stage) => stage.head,
      );
    expect(heads(1, 50)).toBe(false);
    expect(heads(50, 1)).toBe(true);
  });

  test('answers a full room of 32 devices and 80 layers for either objective', () => {
    const devices = Array.from({ length: 32 }, (_, i) => device(i + 1, 5 + (i % 7), layers(4) + HEAD));
    for (const objective of ['latency', 'throughput'] as const) {
      const layout = planned(problem({ spec: spec(80), devices, objective }));
      expect(layout.stages.length).toBeGreaterThanOrEqual(20);
    }
  });
});

describe('in any small room, absurd ones included', () => {
  test('planning never throws, and what it answers is valid, finite and within memory', () => {
    fc.assert(
      fc.property(arbitraryProblem, (asked) => {
        const result = planRoom(asked);
        if (!result.ok) {
          expect(['no-devices', 'does-not-fit', 'no-path']).toContain(result.error.code);
          return;
        }
        const { stages, predicted, why } = result.layout;
        expect(
          stages.flatMap((s) =>
            Array.from({ length: s.layers.endLayer - s.layers.startLayer }, (_, i) => s.layers.startLayer + i),
          ),
        ).toEqual(asked.spec.layerBytes.map((_, i) => i));
        expect(new Set(stages.map((s) => s.peerId)).size).toBe(stages.length);
        for (const ms of [predicted.msPerToken, predicted.bottleneckMs, ...predicted.stageMs, ...predicted.linkMs]) {
          expect(Number.isFinite(ms) && ms >= 0).toBe(true);
        }
        expect(v.parse(PlanWhySchema, why)).toEqual(why);
        expect(predictStages(stages, asked, [])).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test('a plan is found exactly when trying every chain finds one', () => {
    fc.assert(
      fc.property(arbitraryProblem, (full) => {
        const asked = withUsableDevices({ ...full, sources: full.sources.slice(0, 1), head: 'last-stage' });
        const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
        expect(planRoom(asked).ok).toBe(Number.isFinite(leastByEnumeration(tables, goal)));
      }),
      { numRuns: 300 },
    );
  });
});
