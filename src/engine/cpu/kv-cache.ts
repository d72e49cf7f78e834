import { AppError } from '../../shared/errors.ts';
import { floatToHalf } from '../../shared/model/float16.ts';
import type { SequenceKey } from '../shard-engine.ts';

const BLOCK_BITS = 6;
/** Positions that memory grows by. */
const BLOCK_POSITIONS = 1 << BLOCK_BITS;

/** Keys and values of one sequence in one layer, 16 bits each, in blocks of 64 positions. */
export class SequenceKv {
  length = 0;
  readonly blocks: Uint16Array[] = [];
  /** Per position kvDim keys, then kvDim values. */
  readonly stride: number;

  constructor(kvDim: number) {
    this.stride = 2 * kvDim;
  }

  /** keys, values: (rows, kvDim); takes `count` rows from `firstRow` on. @throws AppError out-of-memory, nothing appended */
  append(keys: Float32Array, values: Float32Array, firstRow: number, count: number): void {
    const kvDim = this.stride / 2;
    this.reserve(this.length + count);
    for (let row = firstRow; row < firstRow + count; row++, this.length++) {
      const block = this.blocks[this.length >> BLOCK_BITS]!;
      const at = (this.length & (BLOCK_POSITIONS - 1)) * this.stride;
      for (let i = 0; i < kvDim; i++) {
        block[at + i] = floatToHalf(keys[row * kvDim + i]!);
        block[at + kvDim + i] = floatToHalf(values[row * kvDim + i]!);
      }
    }
  }

  blockOf(position: number): Uint16Array {
    return this.blocks[position >> BLOCK_BITS]!;
  }

  /** Where in its block the keys of a position start. */
  offsetOf(position: number): number {
    return (position & (BLOCK_POSITIONS - 1)) * this.stride;
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, Math.max(0, length));
    this.blocks.length = Math.ceil(this.length / BLOCK_POSITIONS);
  }

  get bytes(): number {
    return this.blocks.length * BLOCK_POSITIONS * this.stride * 2;
  }

  private reserve(length: number): void {
    try {
      while (this.blocks.length * BLOCK_POSITIONS < length) this.blocks.push(new Uint16Array(BLOCK_POSITIONS * this.stride));
    } catch (error) {
      this.truncate(this.length);
      throw new AppError('out-of-memory', `no memory for ${length} positions of ${this.stride * 2} bytes`, { cause: error });
    }
  }
}

/** What one layer keeps of all sequences. */
export class LayerKv {
  private readonly sequences = new Map<SequenceKey, SequenceKv>();
  private readonly kvDim: number;

  constructor(kvDim: number) {
    this.kvDim = kvDim;
  }

  lengthOf(sequence: SequenceKey): number {
    return this.sequences.get(sequence)?.length ?? 0;
  }

  open(sequence: SequenceKey): SequenceKv {
    let kv = this.sequences.get(sequence);
    if (!kv) {
      kv = new SequenceKv(this.kvDim);
      this.sequences.set(sequence, kv);
    }
    return kv;
  }

  truncate(sequence: SequenceKey, length: number): void {
    const kv = this.sequences.get(sequence);
    kv?.truncate(length);
    if (kv?.length === 0) this.sequences.delete(sequence);
  }

  get bytes(): number {
    let bytes = 0;
    for (const kv of this.sequences.values()) bytes += kv.bytes;
    return bytes;
  }
}
