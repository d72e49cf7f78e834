import type { Patience } from './patience.ts';
import { PIECE_WORDS, type Piece } from './piece.ts';

/**
 * Pieces of work that several threads take in turn, as 32-bit words in the memory that they share. Whoever is free takes the
 * next one, so that nobody waits for a thread that has not woken yet.
 *
 * The ticket counts the pieces that are left, below a number that changes with every offer. A piece is taken by lowering
 * the ticket that was seen before the piece was read: had others been offered since, the ticket would differ.
 * New pieces are written only while nothing is left of the old ones and all of them are done.
 */
const TICKET = 0;
const DONE = TICKET + 1;
const PIECES = DONE + 1;
/** Of one offer. */
export const MAX_PIECES = 256;
export const SHARED_WORDS = PIECES + MAX_PIECES * PIECE_WORDS;

const LEFT_MASK = 0xffff;
const NUMBER_STEP = 0x10000;
/** Offers at most MAX_PIECES pieces to all threads. Earlier ones are done. */
export function offer(words: Int32Array, pieces: readonly Piece[]): void {
  for (const [index, piece] of pieces.entries()) words.set(piece, PIECES + index * PIECE_WORDS);
  Atomics.store(words, DONE, 0);
  const number = (Atomics.load(words, TICKET) & ~LEFT_MASK) + NUMBER_STEP;
  Atomics.store(words, TICKET, number | pieces.length);
  Atomics.notify(words, TICKET, pieces.length - 1);
}

/** Takes a piece, the last ones first; null when none is left. */
export function take(words: Int32Array): Piece | null {
  for (;;) {
    const ticket = Atomics.load(words, TICKET);
    const left = ticket & LEFT_MASK;
    if (left === 0) return null;
    const piece = readPiece(words, left - 1);
    if (Atomics.compareExchange(words, TICKET, ticket, ticket - 1) === ticket) return piece;
  }
}

/** Counts a piece that was taken and computed. */
export function finish(words: Int32Array): void {
  Atomics.add(words, DONE, 1);
  Atomics.notify(words, DONE);
}

/** Sleeps until something may have been offered. */
export function awaitOffer(words: Int32Array, patience: Patience): void {
  const ticket = patience.lookFor(words, TICKET, (value) => (value & LEFT_MASK) > 0);
  if ((ticket & LEFT_MASK) === 0) Atomics.wait(words, TICKET, ticket);
}

/** Sleeps until so many pieces are done. @returns false when the next one takes longer than `timeoutMs` */
export function awaitDone(words: Int32Array, pieces: number, timeoutMs: number, patience: Patience): boolean {
  for (;;) {
    const done = patience.lookFor(words, DONE, (value) => value === pieces);
    if (done === pieces) return true;
    if (Atomics.wait(words, DONE, done, timeoutMs) === 'timed-out') return false;
  }
}

/** Addresses may be above 2^31. */
function readPiece(words: Int32Array, index: number): Piece {
  const piece: number[] = [];
  for (let at = PIECES + index * PIECE_WORDS, end = at + PIECE_WORDS; at < end; at++) piece.push(words[at]! >>> 0);
  return piece as readonly number[] as Piece;
}
