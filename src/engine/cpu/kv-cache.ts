import { AppError } from '../../shared/errors.ts';
import { roundVectors } from './scaled-integers.ts';

const BLOCK_BITS = 6;
/** Positions that memory grows by. */
const BLOCK_POSITIONS = 1 << BLOCK_BITS;

/** Per position nKvHeads keys, then as many values: each a vector of headDim integers and a scale, see `roundVectors`. */
interface KvBlock {
  integers: Int16Array; // (BLOCK_POSITIONS, 2 * nKvHeads, headDim)
  scales: Float32Array; // (BLOCK_POSITIONS, 2 * nKvHeads)
}

/** Keys and values of one sequence in one layer, 16 bits each, in blocks of 64 positions. */
export class SequenceKv {
  length = 0;
  private readonly blocks: KvBlock[] = [];
  private readonly nKvHeads: number;
  private readonly headDim: number;

  constructor(nKvHeads: number, headDim: number) {
    this.nKvHeads = nKvHeads;
    this.headDim = headDim;
  }

  /** keys, values: (rows, nKvHeads * headDim); takes `count` rows from `firstRow` on. @throws AppError out-of-memory, nothing appended */
  append(keys: Float32Array, values: Float32Array, firstRow: number, count: number): void {
    const { nKvHeads } = this;
    const kvDim = nKvHeads * this.headDim;
    this.reserve(this.length + count);
    for (let row = firstRow; row < firstRow + count; row++, this.length++) {
      const vector = this.firstVectorOf(this.length);
      this.keep(keys.subarray(row * kvDim, (row + 1) * kvDim), vector);
      this.keep(values.subarray(row * kvDim, (row + 1) * kvDim), vector + nKvHeads);
    }
  }

  blockOf(position: number): KvBlock {
    return this.blocks[position >> BLOCK_BITS]!;
  }

  /** Which vector of its block is the first key of a position. */
  firstVectorOf(position: number): number {
    return (position & (BLOCK_POSITIONS - 1)) * 2 * this.nKvHeads;
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, Math.max(0, length));
    this.blocks.length = Math.ceil(this.length / BLOCK_POSITIONS);
  }

  get bytes(): number {
    return this.blocks.length * BLOCK_POSITIONS * this.positionBytes;
  }

  private get positionBytes(): number {
    return 2 * this.nKvHeads * (2 * this.headDim + 4);
  }

  /** vectors: (nKvHeads, headDim) of the position that comes next. */
  private keep(vectors: Float32Array, firstVector: number): void {
    const { integers, scales } = this.blockOf(this.length);
    const endVector = firstVector + this.nKvHeads;
    const { headDim } = this;
    roundVectors(vectors, integers.subarray(firstVector * headDim, endVector * headDim), scales.subarray(firstVector, endVector));
  }

  private reserve(length: number): void {
    const vectors = BLOCK_POSITIONS * 2 * this.nKvHeads;
    try {
      while (this.blocks.length * BLOCK_POSITIONS < length)
        this.blocks.push({ integers: new Int16Array(vectors * this.headDim), scales: new Float32Array(vectors) });
    } catch (error) {
      this.truncate(this.length);
      throw new AppError('out-of-memory', `no memory for ${length} positions of ${this.positionBytes} bytes`, { cause: error });
    }
  }
}
