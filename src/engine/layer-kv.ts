import type { SequenceKey } from './shard-engine.ts';

/** Keys and values of one sequence in one layer. */
export interface SequenceMemory {
  /** Positions. */
  readonly length: number;
  readonly bytes: number;
  /** Gives back what no position below `length` needs. */
  truncate(length: number): void;
}

/** What one layer keeps of all sequences, on the processor. */
export class LayerKv<Memory extends SequenceMemory> {
  private readonly sequences = new Map<SequenceKey, Memory>();
  private readonly create: () => Memory;

  constructor(create: () => Memory) {
    this.create = create;
  }

  lengthOf(sequence: SequenceKey): number {
    return this.sequences.get(sequence)?.length ?? 0;
  }

  open(sequence: SequenceKey): Memory {
    let kv = this.sequences.get(sequence);
    if (!kv) {
      kv = this.create();
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
