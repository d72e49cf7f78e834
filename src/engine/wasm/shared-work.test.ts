import { expect, test } from 'vitest';
import type { Product } from './product-rows.ts';
import { awaitDone, finish, offer, SHARED_WORDS, take } from './shared-work.ts';

const product: Product = { format: 2, address: 3_000_000_000, rows: 1003, columns: 512, x: 64, count: 3, out: 128 };
const words = () => new Int32Array(new SharedArrayBuffer(4 * SHARED_WORDS));

test.each([
  [0, 1003, 2],
  [8, 20, 8],
  [100, 103, 3],
  [0, 4096, 8],
])('rows %d to %d for %d threads are taken once each, in chunks that begin at multiples of four', (startRow, endRow, threads) => {
  const shared = words();
  for (let round = 0; round < 3; round++) {
    const chunks = offer(shared, product, startRow, endRow, threads);
    const taken: number[] = [];
    for (let chunk = take(shared); chunk; chunk = take(shared)) {
      expect(chunk.product).toEqual(product);
      expect((chunk.startRow - startRow) % 4).toBe(0);
      for (let row = chunk.startRow; row < chunk.endRow; row++) taken.push(row);
      finish(shared);
    }
    expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: endRow - startRow }, (_, i) => startRow + i));
    expect(awaitDone(shared, chunks, 0)).toBe(true);
  }
});

test('a chunk that somebody else takes in between is not taken again', () => {
  const shared = words();
  offer(shared, product, 0, 64, 2);
  const first = take(shared)!;
  const second = take(shared)!;
  expect(second.startRow).not.toBe(first.startRow);
});

test('a chunk that is never finished is told', () => {
  const shared = words();
  const chunks = offer(shared, product, 0, 8, 1);
  while (take(shared)) expect(awaitDone(shared, chunks, 1)).toBe(false);
});
