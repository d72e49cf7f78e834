import { expect, test } from 'vitest';
import { meanRounds } from './mean-rounds.ts';

/** An action whose calls take these times in turn, on a clock that only it moves. */
function paced(times: readonly number[]) {
  let nowMs = 0;
  let calls = 0;
  const act = async () => {
    nowMs += times[calls++ % times.length]!;
  };
  return { act, now: () => nowMs, calls: () => calls };
}

test('a device that is held back every third time is as slow as that makes it', async () => {
  const { act, now } = paced([1, 1, 7]);
  const [timing] = await meanRounds([act], 10_000, now);
  expect(timing!.meanMs).toBeGreaterThan(2.3);
  expect(timing!.meanMs).toBeLessThan(3);
  expect(timing!.fastMs).toBe(1);
});

test('a hiccup tells nothing', async () => {
  const { act, now } = paced([...Array<number>(20).fill(1), 500]);
  expect(await meanRounds([act], 900, now)).toEqual([{ meanMs: 1, fastMs: 1 }]);
});

test('a quick device is watched for a while, a slow one for a single round', async () => {
  const quick = paced([0.01]);
  await meanRounds([quick.act], 100, quick.now);
  expect(quick.now()).toBeGreaterThanOrEqual(25);
  expect(quick.now()).toBeLessThan(30);
  const slow = paced([1000]);
  await meanRounds([slow.act], 100, slow.now);
  expect(slow.calls()).toBe(2);
});
