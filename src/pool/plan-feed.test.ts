import { expect, it } from 'vitest';
import type { Plan } from '../shared/model/plan.ts';
import { PlanFeed } from './plan-feed.ts';

const plan = (epoch: number) => ({ epoch }) as Plan;

function feed() {
  const sent: string[] = [];
  const plans = new PlanFeed((message) => {
    const epoch = 'plan' in message ? ` ${message.plan.epoch}` : '';
    sent.push(message.kind + epoch);
  });
  return { plans, sent };
}

it('a plan is prepared and activated once, however often the server names it', () => {
  const { plans, sent } = feed();
  plans.prepare(plan(1));
  plans.state(null, plan(1), false);
  plans.activate(1);
  plans.state(plan(1), null, false);
  plans.activate(1);
  plans.state(plan(1), plan(2), false);
  plans.prepare(plan(2));
  expect(sent).toEqual(['prepare 1', 'no-plan', 'activate 1', 'prepare 2']);
});

it('a tab that joins late is told of the active plan, and of the one in preparation', () => {
  const { plans, sent } = feed();
  plans.state(plan(4), plan(5), false);
  plans.activate(5);
  expect(sent).toEqual(['prepare 5', 'activate 4', 'activate 5']);
});

it('an older plan changes nothing', () => {
  const { plans, sent } = feed();
  plans.state(plan(4), null, false);
  plans.prepare(plan(3));
  plans.activate(3);
  expect(sent).toEqual(['activate 4']);
});

it('a room that cannot be planned is told as hopeless, but not while a plan loads', () => {
  const told: boolean[] = [];
  const plans = new PlanFeed((message) => {
    if (message.kind === 'no-plan') told.push(message.isHopeless);
  });
  plans.state(null, null, false);
  plans.state(null, null, true);
  plans.state(null, plan(1), true);
  expect(told).toEqual([false, true, false]);
});
