import { afterEach, expect, test, vi } from 'vitest';
import { Allowance } from './allowance.ts';

const GB = 2 ** 30;
const tabs: Allowance[] = [];

afterEach(async () => {
  for (const tab of tabs.splice(0)) tab.giveBack();
  await expect.poll(async () => (await navigator.locks.query()).held).toEqual([]);
});

/** A donating tab whose owner named an amount, or none. */
async function donate(wished: number | null = null, onChange = () => {}): Promise<Allowance> {
  const tab = new Allowance(onChange);
  tabs.push(tab);
  tab.wish(wished, 4 * GB);
  await tab.take();
  return tab;
}

test('what a device lends is lent once: the second tab gets what the first left over', async () => {
  expect((await donate(3 * GB)).bytes).toBe(3 * GB);
  expect((await donate()).bytes).toBe(GB);
  expect((await donate()).bytes).toBe(0);
});

test('an amount that the owner named for a tab is lent whole', async () => {
  await donate();
  expect((await donate(2 * GB)).bytes).toBe(2 * GB);
});

test('tabs that start at the same moment share too', async () => {
  const started = await Promise.all([donate(), donate(), donate()]);
  expect(started.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(4 * GB);
});

test('a tab that ends leaves its share to those that are there, who are told', async () => {
  const first = await donate();
  const onChange = vi.fn();
  const second = await donate(null, onChange);
  expect(second.bytes).toBe(0);
  onChange.mockClear();
  first.giveBack();
  await expect.poll(() => second.bytes).toBe(4 * GB);
  expect(onChange).toHaveBeenCalledTimes(1);
});

test('a tab whose owner names less leaves the rest to the others', async () => {
  const first = await donate();
  const second = await donate();
  first.wish(GB);
  await expect.poll(() => second.bytes).toBe(3 * GB);
  expect(first.bytes).toBe(GB);
});

test('a change comes to rest: tabs do not wake each other for ever', async () => {
  const first = await donate();
  const second = await donate();
  first.wish(GB);
  await expect.poll(() => second.bytes).toBe(3 * GB);
  const name = async () => (await navigator.locks.query()).held!.map((lock) => lock.name).sort();
  const before = await name();
  const queries = vi.spyOn(LockManager.prototype, 'query');
  // A third tab comes and goes in the meantime, as a clock for the others.
  for (let i = 0; i < 20; i++) await navigator.locks.request('edgeshard-lending', async () => undefined);
  const asked = queries.mock.calls.length;
  queries.mockRestore();
  expect(asked).toBe(0);
  expect(await name()).toEqual(before);
});

test('a tab that lends again takes what is left by then', async () => {
  const first = await donate();
  first.giveBack();
  await donate(3 * GB);
  await first.take();
  expect(first.bytes).toBe(GB);
});
