import { expect, test } from 'vitest';
import { OBJECTIVES } from '../model/plan.ts';
import { planRoom } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { allLinks, device, link, problem, spec } from './testing/problem.ts';

const two = [device(1, 5, 1e6), device(2, 4, 300)];
const withProfile = (change: object) => two.map((d) => ({ ...d, profile: { ...d.profile, ...change } }));
const everywhere = allLinks([1, 2, 9]);

const PLANNED: Record<string, Partial<PlanningProblem>> = {
  'one device': { devices: [device(1, 5, 1e6)] },
  'more devices than layers': { devices: [1, 2, 3, 4, 5].map((id) => device(id, 5, 1e6)), spec: spec(2) },
  'one layer': { devices: two, spec: spec(1) },
  'memory that fits to the byte': { devices: [device(1, 5, 208), device(2, 5, 208 + 60)] },
  'no way to measure time': { devices: withProfile({ decodeLayerMs: 0, prefillLayerMsPerToken: 0 }) },
  'layers of no bytes': { devices: two, spec: spec(4, { layerBytes: [0, 0, 0, 0] }) },
  'no links for one device': { devices: two, links: [] },
  'links that are no numbers': { devices: two, links: [link(1, 2, Number.NaN, 10), link(1, 2, 2, Number.NaN)] },
  'zero and negative bandwidth': { devices: two, links: [link(1, 2, 2, 0), link(1, 2, 2, -5)] },
  'links to peers that are gone': { devices: two, links: [...everywhere, link(7, 8)] },
  'a chat without any link beside one that has them': { devices: two, links: everywhere, sources: [9, 30] },
  'one device of two that cannot be computed with': { devices: [two[0]!, device(2, Number.NaN, 1e6)] },
  'memory without end': { devices: [device(1, 5, Number.MAX_VALUE)] },
  'a prompt of no tokens': { devices: two, promptTokens: 0 },
  'numbers of answers that are none': { devices: two, sequences: 0, concurrentSequences: -3 },
  'a lost device whose others are gone too': {
    devices: two,
    surviving: [{ peerId: 77, layers: { startLayer: 0, endLayer: 4 }, head: true }],
  },
};

const REFUSED: Record<string, [Partial<PlanningProblem>, string]> = {
  'no devices': [{ devices: [] }, 'no-devices'],
  'devices that cannot be computed with': [{ devices: withProfile({ headMs: Number.POSITIVE_INFINITY }) }, 'no-devices'],
  'memory that is no number': [{ devices: withProfile({ lendBytes: Number.NaN }) }, 'no-devices'],
  'memory below nothing': [{ devices: withProfile({ lendBytes: -1e9 }) }, 'does-not-fit'],
  'a byte too little': [{ devices: [device(1, 5, 208), device(2, 5, 208 + 59)] }, 'does-not-fit'],
  'no links where one device has no room': [{ devices: [device(1, 5, 300), device(2, 5, 300)], links: [] }, 'no-path'],
  'no bandwidth where one device has no room': [
    { devices: [device(1, 5, 300), device(2, 5, 300)], links: [link(1, 2, 2, 0)] },
    'no-path',
  ],
  'a chat that nobody can reach': [{ devices: two, sources: [9] }, 'no-path'],
  'a model without layers': [{ devices: two, spec: spec(0) }, 'model-malformed'],
  'sizes for other layers': [{ devices: two, spec: spec(4, { layerBytes: [100] }) }, 'model-malformed'],
  'sizes that are no numbers': [{ devices: two, spec: spec(2, { layerBytes: [100, Number.NaN] }) }, 'model-malformed'],
  'sizes below nothing': [{ devices: two, spec: spec(2, { headBytes: -1 }) }, 'model-malformed'],
  'a context that is no number': [{ devices: two, contextLength: Number.NaN }, 'model-malformed'],
  'all layers on the chats': [{ devices: two, sources: [1], sourceLayers: 4 }, 'model-malformed'],
  'part of a layer on the chats': [{ devices: two, sources: [1], sourceLayers: 1.5 }, 'model-malformed'],
};

for (const objective of OBJECTIVES) {
  test.each(Object.entries(PLANNED))(`for ${objective}, %s gives a plan`, (_, changes) => {
    const result = planRoom(problem({ ...changes, objective }));
    expect(result.ok ? 'planned' : result.error).toBe('planned');
    if (result.ok) expect(Object.values(result.layout.predicted).flat().every(Number.isFinite)).toBe(true);
  });

  test.each(Object.entries(REFUSED))(`for ${objective}, %s is refused clearly`, (_, [changes, code]) => {
    const result = planRoom(problem({ ...changes, objective }));
    expect(result.ok ? result.layout.stages : result.error.code).toBe(code);
  });
}
