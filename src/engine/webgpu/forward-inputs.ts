import type { SequenceRun } from '../checked-runs.ts';
import { ropeFrequencies } from '../rope-frequencies.ts';
import type { PartBase } from './gpu-parts.ts';
import { INPUT_WORDS, inputBytes, RUN_STRIDE_BYTES } from './scratch.ts';

/** What the kernels need to know of a chunk of rows beside the rows themselves. */
export interface ChunkInputs {
  /** (rows) of token ids; null where hidden states come in. */
  ids: Uint32Array | null;
  rows: number;
  /** Empty where no layer runs. Row numbers are those of the chunk. */
  runs: readonly SequenceRun[];
  /** Of the first block of head rows; empty where there is none. */
  temperatures: readonly number[];
}

/** Uploads it in two goes: each upload takes a browser as long as many dispatches. */
export class ForwardInputs {
  private readonly base: PartBase;
  private readonly frequencies: Float64Array;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly floats: Float32Array<ArrayBuffer>;
  private readonly angles: Float32Array<ArrayBuffer>; // (chunkRows, ropeDim / 2) of cosine, sine

  constructor(base: PartBase) {
    const { chunkRows } = base.scratch;
    this.base = base;
    this.frequencies = ropeFrequencies(base.spec);
    this.words = new Uint32Array(inputBytes(chunkRows) / 4);
    this.floats = new Float32Array(this.words.buffer);
    this.angles = new Float32Array(2 * this.frequencies.length * chunkRows);
  }

  write({ ids, rows, runs, temperatures }: ChunkInputs): void {
    const { gpu, scratch } = this.base;
    const { words } = this;
    words[INPUT_WORDS.tokens] = rows;
    this.floats.set(temperatures, INPUT_WORDS.headOptions);
    if (ids) words.set(ids, INPUT_WORDS.ids);
    let at: number = INPUT_WORDS.runs;
    for (const { firstRow, rowCount, start } of runs) {
      words[at] = firstRow;
      words[at + 1] = rowCount;
      words[at + 2] = start;
      at += RUN_STRIDE_BYTES / 4;
    }
    gpu.device.queue.writeBuffer(scratch.inputs, 0, words, 0, at);
    if (runs.length > 0) gpu.device.queue.writeBuffer(scratch.angles, 0, this.angles, 0, this.fillAngles(runs));
  }

  /** Between two submissions: for a block of head rows whose temperatures are others. */
  writeTemperatures(temperatures: readonly number[]): void {
    const { gpu, scratch } = this.base;
    gpu.device.queue.writeBuffer(scratch.inputs, 4 * INPUT_WORDS.headOptions, Float32Array.from(temperatures));
  }

  /** Cosine and sine of every angle, which is in float64 until then. @returns how many values that is */
  private fillAngles(runs: readonly SequenceRun[]): number {
    const { angles, frequencies } = this;
    let at = 0;
    for (const { start, rowCount } of runs) {
      for (let position = start; position < start + rowCount; position++) {
        for (let i = 0; i < frequencies.length; i++) {
          const angle = position * frequencies[i]!;
          angles[at++] = Math.cos(angle);
          angles[at++] = Math.sin(angle);
        }
      }
    }
    return at;
  }
}
