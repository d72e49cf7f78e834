import { expect, test } from 'vitest';
import type { KeptValues } from '../engine/kept-values.ts';
import { type Measured, type MeasuredWhen, measuredOnce } from './measured-once.ts';

const profile = {
  engine: 'cpu',
  adapter: 'CPU',
  decodeLayerMs: 1,
  prefillLayerMsPerToken: 1,
  forwardOverheadMs: 1,
  headMs: 1,
} as const;

/** A browser with its kept values and a clock; each measurement takes one millisecond longer than the last. */
function browser() {
  const kept = new Map<string, string>();
  const store: KeptValues = { get: async (key) => kept.get(key) ?? null, put: async (key, value) => void kept.set(key, value) };
  let measurements = 0;
  let ms = 1e12;
  const measure = async (): Promise<Measured> => ({
    engine: 'cpu',
    why: { code: 'as-asked', engine: 'cpu' },
    profile: { ...profile, headMs: ++measurements },
  });
  const ask = async (key: string, when: MeasuredWhen, isGood = () => true) =>
    (await measuredOnce(key, when, measure, isGood, { store, nowMs: () => ms })).profile.headMs;
  const pass = (passedMs: number) => {
    ms += passedMs;
  };
  return { ask, pass, kept };
}

test('a second tab takes what the first has measured, of the same shape and choice only', async () => {
  const { ask } = browser();
  expect(await ask('a', 'start')).toBe(1);
  expect(await ask('a', 'start')).toBe(1);
  expect(await ask('b', 'start')).toBe(2);
});

test('what a calm tab measured takes the place of what a starting one did, once', async () => {
  const { ask } = browser();
  await ask('a', 'start');
  expect(await ask('a', 'calm')).toBe(2);
  expect(await ask('a', 'calm')).toBe(2);
  expect(await ask('a', 'start')).toBe(2);
});

test('a result is good for minutes', async () => {
  const { ask, pass } = browser();
  await ask('a', 'start');
  pass(4 * 60_000);
  expect(await ask('a', 'start')).toBe(1);
  pass(60_000);
  expect(await ask('a', 'start')).toBe(2);
  pass(-1000);
  expect(await ask('a', 'start')).toBe(3);
});

test.each(['', '{', '{}', '{"atMs":1e12,"when":"calm","measured":{"engine":"cpu","why":"","profile":{"headMs":-1}}}'])(
  'a record that reads %j is measured anew',
  async (text) => {
    const { ask, kept } = browser();
    kept.set('a', text);
    expect(await ask('a', 'start')).toBe(1);
  },
);

test('a measurement that fails is not kept', async () => {
  const { ask, kept } = browser();
  const failing = measuredOnce('a', 'start', () => Promise.reject(new Error('no GPU')), undefined, {
    store: { get: async () => null, put: async (key, value) => void kept.set(key, value) },
    nowMs: () => 0,
  });
  await expect(failing).rejects.toThrow('no GPU');
  expect(kept.size).toBe(0);
  expect(await ask('a', 'start')).toBe(1);
});

test('a measurement that was disturbed is not kept', async () => {
  const { ask } = browser();
  await ask('a', 'calm', () => false);
  expect(await ask('a', 'calm')).toBe(2);
  expect(await ask('a', 'calm')).toBe(2);
});
