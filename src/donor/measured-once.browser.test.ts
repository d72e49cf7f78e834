import { expect, test } from 'vitest';
import { type Measured, measuredOnce } from './measured-once.ts';

const measured: Measured = {
  engine: 'cpu',
  why: { code: 'as-asked', engine: 'cpu' },
  profile: { engine: 'cpu', adapter: 'CPU', decodeLayerMs: 1, prefillLayerMsPerToken: 1, forwardOverheadMs: 1, headMs: 1 },
};

test('two tabs that start together measure once, and both have the result', async () => {
  const key = `shared ${Math.random()}`;
  let measurements = 0;
  const measure = async () => {
    measurements++;
    return measured;
  };
  const tabs = [1, 2].map(() => measuredOnce(key, 'start', measure));
  expect(await Promise.all(tabs)).toEqual([measured, measured]);
  expect(measurements).toBe(1);
});

test('a tab waits with its measurement for that of another, and goes on when that one fails', async () => {
  let fail = (_: Error) => {};
  let isMeasuring = false;
  const first = measuredOnce(`first ${Math.random()}`, 'start', () => {
    isMeasuring = true;
    return new Promise((_, reject) => {
      fail = (error) => {
        isMeasuring = false;
        reject(error);
      };
    });
  });
  const failed = expect(first).rejects.toThrow('no GPU');
  await expect.poll(() => isMeasuring).toBe(true);
  const second = measuredOnce(`second ${Math.random()}`, 'start', async () => {
    expect(isMeasuring).toBe(false);
    return measured;
  });
  await expect.poll(async () => (await navigator.locks.query()).pending?.length).toBe(1);
  fail(new Error('no GPU'));
  await failed;
  expect(await second).toEqual(measured);
});
