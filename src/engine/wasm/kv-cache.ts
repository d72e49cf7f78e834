import { floatToHalf } from '../../shared/model/float16.ts';
import type { SequenceKey } from '../shard-engine.ts';
import type { Heap } from './heap.ts';
import type { Address } from './kernels.ts';

/** Positions that memory grows by; the attention kernel counts on it. */
export const KV_BLOCK_POSITIONS = 64;

/** Keys and values of one sequence in one layer, 16 bits each, in blocks of 64 positions. */
export class SequenceKv {
  length = 0;
  readonly blocks: Address[] = [];
  private readonly heap: Heap;
  /** Bytes per position: kvDim keys, then kvDim values. */
  private readonly strideBytes: number;

  constructor(heap: Heap, kvDim: number) {
    this.heap = heap;
    this.strideBytes = 4 * kvDim;
  }

  /** keys, values: (rows, kvDim); takes `count` rows from `firstRow` on. @throws AppError out-of-memory, nothing appended */
  append(keys: Address, values: Address, firstRow: number, count: number): void {
    this.reserve(this.length + count);
    const kvDim = this.strideBytes / 4;
    for (let row = firstRow; row < firstRow + count; row++, this.length++) {
      const block = this.blocks[Math.floor(this.length / KV_BLOCK_POSITIONS)]!;
      const at = block + (this.length % KV_BLOCK_POSITIONS) * this.strideBytes;
      const to = this.heap.halves(at, 2 * kvDim);
      roundInto(to, 0, this.heap.floats(keys + row * kvDim * 4, kvDim));
      roundInto(to, kvDim, this.heap.floats(values + row * kvDim * 4, kvDim));
    }
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, Math.max(0, length));
    const kept = Math.ceil(this.length / KV_BLOCK_POSITIONS);
    for (const block of this.blocks.splice(kept)) this.heap.release(block);
  }

  get bytes(): number {
    return this.blocks.length * KV_BLOCK_POSITIONS * this.strideBytes;
  }

  private reserve(length: number): void {
    try {
      while (this.blocks.length * KV_BLOCK_POSITIONS < length)
        this.blocks.push(this.heap.allocate(KV_BLOCK_POSITIONS * this.strideBytes));
    } catch (error) {
      this.truncate(this.length);
      throw error;
    }
  }
}

function roundInto(halves: Uint16Array, start: number, floats: Float32Array): void {
  for (let i = 0; i < floats.length; i++) halves[start + i] = floatToHalf(floats[i]!);
}

/** What one layer keeps of all sequences. */
export class LayerKv {
  private readonly sequences = new Map<SequenceKey, SequenceKv>();
  private readonly heap: Heap;
  private readonly kvDim: number;

  constructor(heap: Heap, kvDim: number) {
    this.heap = heap;
    this.kvDim = kvDim;
  }

  lengthOf(sequence: SequenceKey): number {
    return this.sequences.get(sequence)?.length ?? 0;
  }

  open(sequence: SequenceKey): SequenceKv {
    let kv = this.sequences.get(sequence);
    if (!kv) {
      kv = new SequenceKv(this.heap, this.kvDim);
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
