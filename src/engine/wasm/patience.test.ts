import { expect, test } from 'vitest';
import { Patience } from './patience.ts';

const words = Int32Array.of(7);

/** How often a thread looks for what is not there. */
function looksInVain(patience: Patience): number {
  let looks = 0;
  patience.lookFor(words, 0, () => {
    looks++;
    return false;
  });
  return looks;
}

test('each look in vain makes the next one shorter, down to a few', () => {
  const patience = new Patience();
  const looks = Array.from({ length: 8 }, () => looksInVain(patience));
  for (let i = 1; i < 5; i++) expect(looks[i]).toBeLessThan(looks[i - 1]!);
  expect(looks.at(-1)).toBe(looks.at(-2));
  expect(looks.at(-1)).toBeGreaterThan(100);
});

test('what is found makes it long again', () => {
  const patience = new Patience();
  const first = looksInVain(patience);
  looksInVain(patience);
  expect(patience.lookFor(words, 0, (value) => value === 7)).toBe(7);
  expect(looksInVain(patience)).toBe(first);
});
