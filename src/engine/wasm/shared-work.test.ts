import { expect, test } from 'vitest';
import { Patience } from './patience.ts';
import { awaitDone, finish, MAX_TASKS, offer, SHARED_WORDS, take } from './shared-work.ts';
import { ATTENTION, PRODUCT, type Task } from './task.ts';

const words = () => new Int32Array(new SharedArrayBuffer(4 * SHARED_WORDS));
const product = (startRow: number): Task => [PRODUCT, 2, 3_000_000_000, 4096, 512, 64, 3, 128, startRow, startRow + 4];
const products = (count: number) => Array.from({ length: count }, (_, i) => product(4 * i));
const startRows = (tasks: readonly Task[]) => tasks.map((task) => task[8]).sort((a, b) => a - b);

test.each([1, 2, MAX_TASKS])('%d tasks are taken once each, again and again', (count) => {
  const shared = words();
  for (let round = 0; round < 3; round++) {
    offer(shared, products(count));
    const taken: Task[] = [];
    for (let task = take(shared); task; task = take(shared)) {
      taken.push(task);
      finish(shared);
    }
    expect(startRows(taken)).toEqual(startRows(products(count)));
    expect(awaitDone(shared, count, 0, new Patience())).toBe(true);
  }
});

test('a task arrives as it was offered, whatever its kind', () => {
  const shared = words();
  const attention: Task = [ATTENTION, 3_000_000_000, 64, 128, 17, 8, 16, 4, 64, 2, 4];
  offer(shared, [product(8), attention]);
  expect(take(shared)).toEqual(attention);
  expect(take(shared)).toEqual([...product(8), 0]);
});

test('a task that is never finished is told', () => {
  const shared = words();
  offer(shared, products(8));
  while (take(shared)) expect(awaitDone(shared, 8, 1, new Patience())).toBe(false);
});
