import { roundVectors } from '../cpu/scaled-integers.ts';
import type { SequenceKey } from '../shard-engine.ts';
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

/** What one layer keeps of all sequences. */
export class LayerKv {
  private readonly sequences = new Map<SequenceKey, SequenceKv>();
  private readonly heap: Heap;
  private readonly nKvHeads: number;
  private readonly headDim: number;

  constructor(heap: Heap, nKvHeads: number, headDim: number) {
    this.heap = heap;
    this.nKvHeads = nKvHeads;
    this.headDim = headDim;
  }

  lengthOf(sequence: SequenceKey): number {
    return this.sequences.get(sequence)?.length ?? 0;
  }

  open(sequence: SequenceKey): SequenceKv {
    let kv = this.sequences.get(sequence);
    if (!kv) {
      kv = new SequenceKv(this.heap, this.nKvHeads, this.headDim);
      this.sequences.set(sequence, kv);
    }
    return kv;
  }

  truncate(sequence: SequenceKey, length: number): void {
    const kv = this.sequences.get(sequence);
    kv?.truncate(length);
    if (kv?.length === 0) this.sequences.delete(sequence);
  }

  release(): void {
    for (const kv of this.sequences.values()) kv.truncate(0);
    this.sequences.clear();
  }

  get bytes(): number {
    let bytes = 0;
    for (const kv of this.sequences.values()) bytes += kv.bytes;
    return bytes;
  }
}
