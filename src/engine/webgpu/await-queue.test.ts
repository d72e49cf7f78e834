import { expect, test } from 'vitest';
import { awaitQueue } from './await-queue.ts';

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

test('a queue that looks only when something is submitted brings its result', async () => {
  let resolve = (_: string) => {};
  const result = new Promise<string>((done) => {
    resolve = done;
  });
  const queue = drowsyQueue(() => resolve('done'));
  expect(await awaitQueue(queue, result)).toBe('done');
  expect(queue.count()).toBe(3);
});

test('a result that is there needs no submission, and a failure is passed on', async () => {
  const queue = drowsyQueue(() => {});
  expect(await awaitQueue(queue, Promise.resolve(7))).toBe(7);
  await expect(awaitQueue(queue, Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  expect(queue.count()).toBe(0);
});
