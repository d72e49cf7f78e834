import { expect, it } from 'vitest';
import type { ErrorReport } from '../shared/errors.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import type { Plan } from '../shared/model/plan.ts';
import { DEFAULT_SETTINGS } from '../shared/model/room-settings.ts';
import { PlanFeed, type PlanningState } from './plan-feed.ts';

const { modelUrl } = DEFAULT_SETTINGS;
const plan = (epoch: number, change: Partial<Plan> = {}) =>
  ({ epoch, modelUrl, contextLength: 512, sourceLayers: 0, stages: [stage(true)], ...change }) as Plan;
const stage = (head: boolean) => ({ peerId: 1, layers: { startLayer: 0, endLayer: 8 }, head });

function room(active: Plan | null, preparing: Plan | null, settings = {}, problem: ErrorReport | null = null): PlanningState {
  const model = { contextLength: 512 } as ModelSpec;
  return { settings: { ...DEFAULT_SETTINGS, ...settings }, model, plan: active, preparing, problem };
}

function feed(state: PlanningState | null = room(null, null)) {
  const sent: string[] = [];
  const plans = new PlanFeed((message) => {
    const epoch = 'plan' in message ? ` ${message.plan.epoch}` : '';
    sent.push(message.kind + epoch);
  });
  if (state) plans.state(state);
  sent.length = 0;
  return { plans, sent };
}

it('a plan is prepared and activated once, however often the server names it', () => {
  const { plans, sent } = feed();
  plans.prepare(plan(1));
  plans.state(room(null, plan(1)));
  plans.activate(1);
  plans.state(room(plan(1), null));
  plans.activate(1);
  plans.state(room(plan(1), plan(2)));
  plans.prepare(plan(2));
  expect(sent).toEqual(['prepare 1', 'no-plan', 'activate 1', 'prepare 2']);
});

it('a tab that joins late is told of the active plan, and of the one in preparation', () => {
  const { plans, sent } = feed(null);
  plans.state(room(plan(4), plan(5)));
  plans.activate(5);
  expect(sent).toEqual(['prepare 5', 'activate 4', 'activate 5']);
});

it('an older plan changes nothing', () => {
  const { plans, sent } = feed();
  plans.state(room(plan(4), null));
  plans.prepare(plan(3));
  plans.activate(3);
  expect(sent).toEqual(['activate 4']);
});

it.each([
  ['model', { modelUrl: '/models/other.gguf' }, { modelUrl: '/models/other.gguf' }],
  ['longer context', { contextLength: 512 }, { contextLength: 512 }],
  ['head', { contextLength: 256, headOnSource: true }, { contextLength: 256, stages: [stage(false)] }],
  ['privacy', { contextLength: 256, sourceLayers: 1 }, { contextLength: 256, sourceLayers: 1 }],
])('a plan that overtakes the %s it was made for waits for it, and is prepared once', (_, settings, change) => {
  const { plans, sent } = feed(room(null, null, { contextLength: 256 }));
  plans.prepare(plan(2, change));
  expect(sent).toEqual([]);
  plans.state(room(null, null, settings));
  plans.state(room(null, null, settings));
  plans.activate(2);
  expect(sent).toEqual(['prepare 2', 'no-plan', 'no-plan', 'activate 2']);
});

it('a plan that overtook the settings is forgotten once a newer one is there', () => {
  const { plans, sent } = feed(room(null, null, { contextLength: 256 }));
  plans.prepare(plan(2));
  plans.prepare(plan(3, { contextLength: 256 }));
  plans.state(room(null, null));
  expect(sent).toEqual(['prepare 3', 'no-plan']);
});

it('a room that cannot be planned is told as hopeless, but not while a plan loads', () => {
  const told: boolean[] = [];
  const plans = new PlanFeed((message) => {
    if (message.kind === 'no-plan') told.push(message.isHopeless);
  });
  const problem = { code: 'does-not-fit', message: 'needs more' } as const;
  plans.state(room(null, null));
  plans.state(room(null, null, {}, problem));
  plans.state(room(null, plan(1), {}, problem));
  expect(told).toEqual([false, true, false]);
});
