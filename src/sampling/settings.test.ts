import { expect, test } from 'vitest';
import { wantIds } from './penalties.ts';
import { randomAt } from './random.ts';
import { checkSettings, GREEDY } from './settings.ts';

test.each([
  { temperature: -1 },
  { temperature: Number.NaN },
  { topP: 1.1 },
  { repetitionPenalty: 0 },
  { presencePenalty: Number.POSITIVE_INFINITY },
  { frequencyPenalty: -101 },
  { seed: Number.NaN },
  { logitBias: new Map([[10, 1]]) },
  { logitBias: new Map([[1.5, 1]]) },
  { logitBias: new Map([[1, Number.NaN]]) },
])('refuses %o', (wrong) => {
  expect(() => checkSettings({ ...GREEDY, ...wrong }, 10)).toThrow(expect.objectContaining({ code: 'bad-message' }));
});

test('accepts ordinary settings', () => {
  expect(() => checkSettings({ ...GREEDY, temperature: 0.7, topP: 0.95, logitBias: new Map([[9, -100]]) }, 10)).not.toThrow();
});

test('wants the biased ids, and those of the history only where something penalises them', () => {
  const logitBias = new Map([[300, -1]]);
  expect(Array.from(wantIds([7, 7, 20], { ...GREEDY, logitBias }))).toEqual([300]);
  expect(Array.from(wantIds([7, 20, 7], { ...GREEDY, logitBias, presencePenalty: 1 }))).toEqual([7, 20, 300]);
});

test('draws depend on the seed and the index alone, and fill the range evenly', () => {
  const draws = Array.from({ length: 10_000 }, (_, index) => randomAt(42, index));
  expect(randomAt(42, 77)).toBe(draws[77]);
  expect(randomAt(43, 77)).not.toBe(draws[77]);
  expect(randomAt(42 + 2 ** 32, 77)).not.toBe(draws[77]);
  expect(new Set(draws).size).toBe(draws.length);
  const tenths = new Array<number>(10).fill(0);
  for (const value of draws) tenths[Math.floor(value * 10)]!++;
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
