import { expect, test } from 'vitest';
import type { AttentionRows } from './attention-rows.ts';
import { cutAttention, cutProducts } from './cut-tasks.ts';
import type { ProductRows } from './product-rows.ts';
import { ATTENTION, PRODUCT } from './task.ts';

const product = (rows: number, columns: number, count: number): ProductRows => [2, 64, rows, columns, 64, count, 128, 0, rows];
const attention = (length: number, rowCount: number, nHeads: number): AttentionRows => [
  0,
  0,
  64,
  length,
  rowCount,
  nHeads,
  1,
  64,
  0,
  nHeads,
];

test.each([
  [1003, 512, 3, 2],
  [4096, 1024, 128, 8],
  [3, 4096, 1000, 1],
])('%d rows of %d columns for %d inputs and %d threads are cut into whole tiles that cover each row once', (...shape) => {
  const [rows, columns, count, threads] = shape;
  let next = 0;
  for (const task of cutProducts([product(rows, columns, count)], threads)) {
    if (task[0] !== PRODUCT) throw new Error('not a product');
    const [, , , , , , , , startRow, endRow] = task;
    expect(startRow).toBe(next);
    expect(startRow % 4).toBe(0);
    next = endRow;
  }
  expect(next).toBe(rows);
});

test('products are cut into some tasks for each thread, so small that no thread is away for long', () => {
  expect(cutProducts([product(1024, 1024, 1)], 2)).toHaveLength(8);
  const together = [product(1024, 1024, 1), product(256, 1024, 1), product(256, 1024, 1)];
  expect(cutProducts(together, 2).length).toBeLessThanOrEqual(3 * 3 + 2);
  expect(cutProducts([product(1024, 1024, 128)], 2)).toHaveLength(32);
});

test('what is done sooner than a thread wakes is one task', () => {
  expect(cutProducts([product(128, 512, 1)], 8)).toHaveLength(1);
  expect(cutAttention([attention(16, 1, 16)], 8)).toHaveLength(1);
});

test.each([
  [1, 128, 16, 2],
  [1024, 1, 16, 2],
  [1, 1, 4, 8],
  [5000, 3, 32, 4],
])('rows that see %d positions and more, %d of them with %d heads, for %d threads: each head of each once', (...shape) => {
  const [length, rowCount, nHeads, threads] = shape;
  const seen = new Set<string>();
  for (const task of cutAttention([attention(length, rowCount, nHeads)], threads)) {
    if (task[0] !== ATTENTION) throw new Error('not attention');
    const [, queries, out, , from, rows, , , headDim, firstHead, endHead] = task;
    expect(out).toBe(queries);
    expect(queries).toBe((from - length) * nHeads * headDim * 4);
    for (let row = 0; row < rows; row++)
      for (let head = firstHead; head < endHead; head++) {
        const key = `${from + row} ${head}`;
        expect(seen.has(key), key).toBe(false);
        seen.add(key);
      }
  }
  expect(seen.size).toBe(rowCount * nHeads);
});

test('a long row is cut into heads, many rows into rows', () => {
  expect(cutAttention([attention(1024, 1, 16)], 2)).toHaveLength(8);
  expect(cutAttention([attention(1, 128, 16)], 2).every(([, , , , , , , , , first, end]) => first === 0 && end === 16)).toBe(
    true,
  );
});
