import { expect, test, vi } from 'vitest';
import { awaitQueue } from './await-queue.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

/** A queue that notices the end of its work only when something is submitted. */
function drowsyQueue(notice: () => void) {
  let submissions = 0;
  return {
    submit: () => {
      submissions++;
      if (submissions === 3) notice();
    },
    count: () => submissions,
  };
}

test('Firefox, which looks only when something is submitted, brings its result', async () => {
  let resolve = (_: string) => {};
  const result = new Promise<string>((done) => {
    resolve = done;
  });
  const queue = drowsyQueue(() => resolve('done'));
  expect(await awaitQueue(queue, result, FIREFOX)).toBe('done');
  expect(queue.count()).toBe(3);
});

test('a result that is there needs no submission, and a failure is passed on', async () => {
  const queue = drowsyQueue(() => {});
  expect(await awaitQueue(queue, Promise.resolve(7), FIREFOX)).toBe(7);
  await expect(awaitQueue(queue, Promise.reject(new Error('lost')), FIREFOX)).rejects.toThrow('lost');
  expect(queue.count()).toBe(0);
});

test('a browser that tells at once is not woken', async () => {
  vi.useFakeTimers();
  const queue = drowsyQueue(() => {});
  const result = new Promise<string>((done) => setTimeout(() => done('done'), 100));
  const awaited = awaitQueue(queue, result, 'Chrome/150.0 Safari/537.36');
  await vi.advanceTimersByTimeAsync(100);
  vi.useRealTimers();
  expect(await awaited).toBe('done');
  expect(queue.count()).toBe(0);
});
