import { expect, test } from 'vitest';
import { FreeList } from './free-list.ts';

test('what is given back in any order is whole again', () => {
  const list = new FreeList();
  list.give({ start: 0, size: 400 });
  const starts = [100, 100, 100, 100].map((size) => list.take(size)!);
  expect(starts).toEqual([0, 100, 200, 300]);
  expect(list.take(1)).toBeNull();
  for (const index of [2, 0, 3, 1]) list.give({ start: starts[index]!, size: 100 });
  expect(list.take(400)).toBe(0);
});

test('a gap is used again before what lies behind it', () => {
  const list = new FreeList();
  list.give({ start: 64, size: 1000 });
  const first = list.take(200)!;
  list.take(100);
  list.give({ start: first, size: 200 });
  expect(list.take(201)).toBe(364);
  expect(list.take(150)).toBe(64);
  expect(list.take(50)).toBe(214);
});

test('knows what is free at the end, which growing can build on', () => {
  const list = new FreeList();
  expect(list.freeBefore(128)).toBe(0);
  list.give({ start: 28, size: 100 });
  expect(list.freeBefore(128)).toBe(100);
  list.take(100);
  expect(list.freeBefore(128)).toBe(0);
});
