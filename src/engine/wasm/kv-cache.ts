import { roundVectors } from '../cpu/scaled-integers.ts';
import type { Heap } from './heap.ts';
import type { Address } from './kernels.ts';

/** Positions that memory grows by; the attention kernel counts on it. */
export const KV_BLOCK_POSITIONS = 64;

/**
 * Keys and values of one sequence in one layer, 16 bits each, in blocks of 64 positions. A block holds integers, (keys then
 * values, nKvHeads, positions, headDim), and then a scale for each vector of them, (keys then values, nKvHeads, positions), see
 * `roundVectors`: what one head reads of a block lies together.
 */
export class SequenceKv {
  length = 0;
  readonly blocks: Address[] = [];
  private readonly heap: Heap;
  private readonly nKvHeads: number;
  private readonly headDim: number;

  constructor(heap: Heap, nKvHeads: number, headDim: number) {
    this.heap = heap;
    this.nKvHeads = nKvHeads;
    this.headDim = headDim;
  }

  /** keys, values: (rows, nKvHeads * headDim); takes `count` rows from `firstRow` on. @throws AppError out-of-memory, nothing appended */
  append(keys: Address, values: Address, firstRow: number, count: number): void {
    this.reserve(this.length + count);
    const rowBytes = this.nKvHeads * this.headDim * 4;
    for (let row = firstRow; row < firstRow + count; row++, this.length++) {
      this.keep(keys + row * rowBytes, 0);
      this.keep(values + row * rowBytes, this.nKvHeads);
    }
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, Math.max(0, length));
    const kept = Math.ceil(this.length / KV_BLOCK_POSITIONS);
    for (const block of this.blocks.splice(kept)) this.heap.release(block);
  }

  get bytes(): number {
    return this.blocks.length * this.blockBytes;
  }

  private get blockBytes(): number {
    return KV_BLOCK_POSITIONS * 2 * this.nKvHeads * (2 * this.headDim + 4);
  }

  /** vectors: (nKvHeads, headDim) of the position that comes next. @param first of the block's heads of keys and of values */
  private keep(vectors: Address, first: number): void {
    const { heap, nKvHeads, headDim } = this;
    const block = this.blocks[Math.floor(this.length / KV_BLOCK_POSITIONS)]!;
    const scales = block + KV_BLOCK_POSITIONS * 4 * nKvHeads * headDim;
    for (let head = 0; head < nKvHeads; head++) {
      const vector = (first + head) * KV_BLOCK_POSITIONS + (this.length % KV_BLOCK_POSITIONS);
      roundVectors(
        heap.floats(vectors + head * headDim * 4, headDim),
        heap.int16s(block + vector * headDim * 2, headDim),
        heap.floats(scales + vector * 4, 1),
      );
    }
  }

  private reserve(length: number): void {
    try {
      while (this.blocks.length * KV_BLOCK_POSITIONS < length) this.blocks.push(this.heap.allocate(this.blockBytes));
    } catch (error) {
      this.truncate(this.length);
      throw error;
    }
  }
}
