import { expect, test } from 'vitest';
import { lendSteps, maxLendBytes } from './lend-steps.ts';

test('an iPhone may lend a gigabyte, a computer more', () => {
  expect(maxLendBytes('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0)')).toBe(1e9);
  expect(maxLendBytes('Mozilla/5.0 (Linux; Android 16)')).toBe(4e9);
  expect(maxLendBytes('Mozilla/5.0 (X11; Linux x86_64)')).toBe(16e9);
});

test('the slider ends at the limit and always holds the present amount', () => {
  const steps = lendSteps(700e6, 1e9);
  expect(steps).toEqual([64e6, 128e6, 256e6, 512e6, 700e6, 1e9]);
});

test('an amount that is a step already is there once', () => {
  expect(lendSteps(512e6, 1e9).filter((bytes) => bytes === 512e6)).toHaveLength(1);
});
