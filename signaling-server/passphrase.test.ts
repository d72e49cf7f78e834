import { expect, test } from 'vitest';
import { hashPassphrase, isPassphrase } from './passphrase.ts';

test('a full room that comes back at once is checked, one after another', async () => {
  const stored = await hashPassphrase('blue fox');
  const checks = Array.from({ length: 32 }, (_, i) => isPassphrase(i % 2 === 0 ? 'blue fox' : 'red fox', stored));
  expect(await Promise.all(checks)).toEqual(checks.map((_, i) => i % 2 === 0));
});

test('more than that are refused, and the others are not held up by it', async () => {
  const stored = await hashPassphrase('blue fox');
  const checks = await Promise.allSettled(Array.from({ length: 100 }, () => isPassphrase('blue fox', stored)));
  const refused = checks.filter((check) => check.status === 'rejected');
  expect(refused).toHaveLength(100 - 4 - 64);
  expect(refused[0]!.reason).toMatchObject({ code: 'rate-limited' });
  expect(await isPassphrase('blue fox', stored)).toBe(true);
});
