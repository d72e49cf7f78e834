import { roundVectors } from '../cpu/scaled-integers.ts';
import type { Heap } from './heap.ts';
import type { Address } from './kernels.ts';

/** Positions that memory grows by; the attention kernel counts on it. */
export const KV_BLOCK_POSITIONS = 64;

/**
 * Keys and values of one sequence in one layer, 16 bits each, in blocks of 64 positions. A block holds integers, (positions,
 * keys then values, nKvHeads, headDim), and then a scale for each vector of them, see `roundVectors`.
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
      const vector = (this.length % KV_BLOCK_POSITIONS) * 2 * this.nKvHeads;
      this.keep(keys + row * rowBytes, vector);
      this.keep(values + row * rowBytes, vector + this.nKvHeads);
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

  /** vectors: (nKvHeads, headDim) of the position that comes next. */
  private keep(vectors: Address, firstVector: number): void {
    const { heap, nKvHeads, headDim } = this;
    const block = this.blocks[Math.floor(this.length / KV_BLOCK_POSITIONS)]!;
    const scales = block + KV_BLOCK_POSITIONS * 4 * nKvHeads * headDim;
    roundVectors(
      heap.floats(vectors, nKvHeads * headDim),
      heap.int16s(block + firstVector * headDim * 2, nKvHeads * headDim),
      heap.floats(scales + firstVector * 4, nKvHeads),
    );
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
