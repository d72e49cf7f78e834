import { expect, test } from 'vitest';
import { entriesToEvict, leastRecentFirst } from './evictions.ts';

const entries = [0, 100, 50, 150].map((start) => ({ name: `${start}-${start + 50}`, start, bytes: 50 }));

test.each([
  [0, []],
  [1, ['150-200']],
  [50, ['150-200']],
  [51, ['150-200', '100-150']],
  [1000, ['150-200', '100-150', '50-100', '0-50']],
])('for %i bytes a model gives up what is last in its file', (neededBytes, evicted) => {
  expect(entriesToEvict(entries, neededBytes).map(({ name }) => name)).toEqual(evicted);
});

test('the model that was used longest ago gives way first', () => {
  const models = [
    { name: 'c', usedMs: 2 },
    { name: 'b', usedMs: 1 },
    { name: 'never', usedMs: 0 },
    { name: 'a', usedMs: 2 },
  ];
  expect(leastRecentFirst(models).map(({ name }) => name)).toEqual(['never', 'b', 'a', 'c']);
});
