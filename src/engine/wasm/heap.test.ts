import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

const MB = 2 ** 20;

test('freed memory is used again instead of growing', () => {
  const heap = new Heap();
  const first = heap.allocate(3 * MB);
  const grownBytes = heap.memory.buffer.byteLength;
  for (let round = 0; round < 10; round++) {
    heap.release(round === 0 ? first : heap.allocate(3 * MB - round));
    expect(heap.memory.buffer.byteLength).toBe(grownBytes);
  }
});

test('growing keeps what was written and gives no address twice', () => {
  const heap = new Heap();
  const addresses = [10, 100_000, 64, 1_000_000].map((bytes) => heap.allocate(bytes));
  for (const [i, address] of addresses.entries()) heap.bytes(address, 10).fill(i + 1);
  heap.allocate(20 * MB);
  for (const [i, address] of addresses.entries()) expect(Array.from(heap.bytes(address, 10))).toEqual(Array(10).fill(i + 1));
});

test('says how much was asked beside how much when there is no more', () => {
  const heap = new Heap();
  expect(() => heap.allocate(2 ** 33)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
  expect(heap.bytes(heap.allocate(100), 100).length).toBe(100);
});
