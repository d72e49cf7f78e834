import { type Product, TILE_ROWS } from './product-rows.ts';

/**
 * A product that several threads compute together, as 32-bit words in the memory that they share. Its rows are cut into
 * chunks, and whoever is free takes the next one, so that nobody waits for a thread that has not woken yet.
 *
 * The ticket counts the chunks that are left, below a number that changes with every product. A chunk is taken by lowering
 * the ticket that was seen before the product was read: had another product been written since, the ticket would differ.
 * A new product is written only while nothing is left of the old one and all of it is done.
 */
const TICKET = 0;
const DONE = TICKET + 1;
const CHUNK_ROWS = DONE + 1;
const START_ROW = CHUNK_ROWS + 1;
const END_ROW = START_ROW + 1;
const FORMAT = END_ROW + 1;
const ADDRESS = FORMAT + 1;
const ROWS = ADDRESS + 1;
const COLUMNS = ROWS + 1;
const X = COLUMNS + 1;
const COUNT = X + 1;
const OUT = COUNT + 1;
export const SHARED_WORDS = OUT + 1;

const LEFT_MASK = 0xffff;
const NUMBER_STEP = 0x10000;
/** Chunks per thread: few enough to cost nothing, enough that a slow thread holds nobody up. */
const CHUNKS_PER_THREAD = 4;
/** Looks at a word before a thread sleeps: waking takes longer than most waits, ten microseconds or so. */
const PATIENCE_LOOKS = 2000;

export interface Chunk {
  product: Product;
  startRow: number;
  endRow: number;
}

/** Offers rows of a product to all threads; returns into how many chunks they were cut. Earlier products are done. */
export function offer(words: Int32Array, product: Product, startRow: number, endRow: number, threads: number): number {
  const groups = Math.ceil((endRow - startRow) / TILE_ROWS);
  const chunkRows = TILE_ROWS * Math.ceil(groups / (threads * CHUNKS_PER_THREAD));
  const chunks = Math.ceil((endRow - startRow) / chunkRows);
  const { format, address, rows, columns, x, count, out } = product;
  words.set([chunkRows, startRow, endRow, format, address, rows, columns, x, count, out], CHUNK_ROWS);
  Atomics.store(words, DONE, 0);
  const number = (Atomics.load(words, TICKET) & ~LEFT_MASK) + NUMBER_STEP;
  Atomics.store(words, TICKET, number | chunks);
  Atomics.notify(words, TICKET);
  return chunks;
}

/** Takes the next chunk; null when none is left. */
export function take(words: Int32Array): Chunk | null {
  for (;;) {
    const ticket = Atomics.load(words, TICKET);
    const left = ticket & LEFT_MASK;
    if (left === 0) return null;
    const chunk = readChunk(words, left - 1);
    if (Atomics.compareExchange(words, TICKET, ticket, ticket - 1) === ticket) return chunk;
  }
}

/** Counts a chunk that was taken and computed. */
export function finish(words: Int32Array): void {
  Atomics.add(words, DONE, 1);
  Atomics.notify(words, DONE);
}

/** Sleeps until something may have been offered. */
export function awaitOffer(words: Int32Array): void {
  const ticket = lookFor(words, TICKET, (value) => (value & LEFT_MASK) > 0);
  if ((ticket & LEFT_MASK) === 0) Atomics.wait(words, TICKET, ticket);
}

/** Sleeps until all chunks are done. @returns false when that takes longer than `timeoutMs` */
export function awaitDone(words: Int32Array, chunks: number, timeoutMs: number): boolean {
  for (;;) {
    const done = lookFor(words, DONE, (value) => value === chunks);
    if (done === chunks) return true;
    if (Atomics.wait(words, DONE, done, timeoutMs) === 'timed-out') return false;
  }
}

function lookFor(words: Int32Array, word: number, isThere: (value: number) => boolean): number {
  let value = Atomics.load(words, word);
  for (let looks = 0; looks < PATIENCE_LOOKS && !isThere(value); looks++) value = Atomics.load(words, word);
  return value;
}

function readChunk(words: Int32Array, index: number): Chunk {
  const word = (at: number) => words[at]! >>> 0;
  const startRow = word(START_ROW) + index * word(CHUNK_ROWS);
  const product = {
    format: word(FORMAT),
    address: word(ADDRESS),
    rows: word(ROWS),
    columns: word(COLUMNS),
    x: word(X),
    count: word(COUNT),
    out: word(OUT),
  };
  return { product, startRow, endRow: Math.min(word(END_ROW), startRow + word(CHUNK_ROWS)) };
}
