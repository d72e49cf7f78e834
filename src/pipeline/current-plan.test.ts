import { expect, it } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { CurrentPlan } from './current-plan.ts';
import { planOf } from './testing/room.ts';

const error = new AppError('peer-lost', 'gone');
const patience = { untilMs: 180_000, hopelessMs: 10_000, error };
const { signal } = new AbortController();

it('who waits for a plan bears a room that was hopeless for a moment, and loads since', async () => {
  const current = new CurrentPlan();
  const waiting = current.when(() => true, signal, patience);
  current.set(null, true);
  for (let ms = 0; ms <= 2000; ms += 500) current.tick(ms);
  current.set(null, false);
  for (let ms = 2500; ms <= 60_000; ms += 500) current.tick(ms);
  current.set(planOf(1, [1], [6]));
  expect((await waiting).epoch).toBe(1);
});

it('who waits in a room that stays hopeless is told so after a while', async () => {
  const current = new CurrentPlan();
  const waiting = expect(current.when(() => true, signal, patience)).rejects.toBe(error);
  current.set(null, true);
  for (let ms = 0; ms <= 10_500; ms += 500) current.tick(ms);
  await waiting;
});

it('waiting leaves no listener behind on a signal that outlives it', async () => {
  const current = new CurrentPlan();
  const counted = new AbortController().signal;
  let listeners = 0;
  counted.addEventListener = () => void listeners++;
  counted.removeEventListener = () => void listeners--;
  const waiting = current.when(() => true, counted, patience);
  expect(listeners).toBe(1);
  current.set(planOf(1, [1], [6]));
  await waiting;
  expect(listeners).toBe(0);
});
