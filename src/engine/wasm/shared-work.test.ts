import { expect, test } from 'vitest';
import { Patience } from './patience.ts';
import { ATTENTION, type Piece, PRODUCT } from './piece.ts';
import { awaitDone, finish, MAX_PIECES, offer, SHARED_WORDS, take } from './shared-work.ts';

const words = () => new Int32Array(new SharedArrayBuffer(4 * SHARED_WORDS));
const product = (startRow: number): Piece => [PRODUCT, 2, 3_000_000_000, 4096, 512, 64, 3, 128, startRow, startRow + 4];
const products = (count: number) => Array.from({ length: count }, (_, i) => product(4 * i));
const startRows = (pieces: readonly Piece[]) => pieces.map((piece) => piece[8]).sort((a, b) => a - b);

test.each([1, 2, MAX_PIECES])('%d pieces are taken once each, again and again', (count) => {
  const shared = words();
  for (let round = 0; round < 3; round++) {
    offer(shared, products(count));
    const taken: Piece[] = [];
    for (let piece = take(shared); piece; piece = take(shared)) {
      taken.push(piece);
      finish(shared);
    }
    expect(startRows(taken)).toEqual(startRows(products(count)));
    expect(awaitDone(shared, count, 0, new Patience())).toBe(true);
  }
});

test('a piece arrives as it was offered, whatever its kind', () => {
  const shared = words();
  const attention: Piece = [ATTENTION, 3_000_000_000, 64, 128, 17, 8, 16, 4, 64, 2, 4];
  offer(shared, [product(8), attention]);
  expect(take(shared)).toEqual(attention);
  expect(take(shared)).toEqual([...product(8), 0]);
});

test('a piece that is never finished is told', () => {
  const shared = words();
  offer(shared, products(8));
  while (take(shared)) expect(awaitDone(shared, 8, 1, new Patience())).toBe(false);
});
