import { expect, test } from 'vitest';
import { lendSteps, maxLendBytes } from './lend-steps.ts';

test('an iPhone or iPad may lend a gigabyte, other phones more, a computer most', () => {
  expect(maxLendBytes({ userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0)' })).toBe(1e9);
  expect(maxLendBytes({ maxTouchPoints: 5, userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)' })).toBe(1e9);
  expect(maxLendBytes({ userAgent: 'Mozilla/5.0 (Linux; Android 16)' })).toBe(4e9);
  expect(maxLendBytes({ maxTouchPoints: 0, userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)' })).toBe(16e9);
});

test('the slider ends at the limit and always holds the present amount', () => {
  const steps = lendSteps(700e6, 1e9);
  expect(steps).toEqual([64e6, 128e6, 256e6, 512e6, 700e6, 1e9]);
});

test('whoever lends nothing begins there and slides up', () => {
  expect(lendSteps(0, 256e6)).toEqual([0, 64e6, 128e6, 256e6]);
});

test('an amount that is a step already is there once', () => {
  expect(lendSteps(512e6, 1e9).filter((bytes) => bytes === 512e6)).toHaveLength(1);
});
