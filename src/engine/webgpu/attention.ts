import type { SequenceRun } from '../checked-runs.ts';
import { ropeFrequencies } from '../rope-frequencies.ts';
import type { PartBase } from './gpu-parts.ts';
import { bind, dispatch } from './kernel.ts';
import { MIX_THREADS, mixWords, RUN_WORDS, SCORE_POSITIONS, SCORE_THREADS } from './kernels/attention.ts';
import { rotateGroups } from './kernels/rotate.ts';
import type { LayerCache } from './kv-cache.ts';
import { RUN_STRIDE_BYTES } from './scratch.ts';

type EncodeRun = (pass: GPUComputePassEncoder, run: SequenceRun, offsetBytes: number) => void;

/** mixed = attention(qkv) for runs of rows, each over the keys and values of its own sequence. */
export class Attention {
  private readonly base: PartBase;
  private readonly frequencies: Float64Array;
  /** By buffer: a cache that has grown is another buffer. */
  private readonly encoders = new WeakMap<GPUBuffer, readonly EncodeRun[]>();

  private readonly runs: GPUBufferBinding;

  constructor(base: PartBase) {
    this.base = base;
    this.runs = { buffer: base.scratch.runs, offset: 0, size: 4 * RUN_WORDS };
    this.frequencies = ropeFrequencies(base.spec);
  }

  /** Uploads what `encode` needs to know of the runs of a chunk. Row numbers are those of the chunk. */
  writeRuns(runs: readonly SequenceRun[]): void {
    const { gpu, scratch } = this.base;
    const stride = RUN_STRIDE_BYTES / 4;
    const words = new Uint32Array(stride * (runs.length - 1) + RUN_WORDS);
    for (const [i, { firstRow, rowCount, start }] of runs.entries()) words.set([firstRow, rowCount, start], i * stride);
    gpu.device.queue.writeBuffer(scratch.runs, 0, words);
    this.writeAngles(runs);
  }

  /** Encodes run number `index` of those written last. */
  encode(pass: GPUComputePassEncoder, index: number, run: SequenceRun, cache: LayerCache): void {
    for (const encodeRun of this.encodersOf(cache.buffer)) encodeRun(pass, run, index * RUN_STRIDE_BYTES);
  }

  /** Cosine and sine of every angle, which is in float64 until then. */
  private writeAngles(runs: readonly SequenceRun[]): void {
    const { gpu, scratch } = this.base;
    const { frequencies } = this;
    const rows = runs.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const angles = new Float32Array(2 * frequencies.length * rows);
    let at = 0;
    for (const { start, rowCount } of runs) {
      for (let position = start; position < start + rowCount; position++) {
        for (const frequency of frequencies) {
          const angle = position * frequency;
          angles[at++] = Math.cos(angle);
          angles[at++] = Math.sin(angle);
        }
      }
    }
    gpu.device.queue.writeBuffer(scratch.angles, 0, angles);
  }

  private encodersOf(cache: GPUBuffer): readonly EncodeRun[] {
    const known = this.encoders.get(cache);
    if (known) return known;
    const encoders = [this.rotate(cache), ...this.attend(cache)];
    this.encoders.set(cache, encoders);
    return encoders;
  }

  private rotate(cache: GPUBuffer): EncodeRun {
    const { gpu, kernels, scratch, spec } = this.base;
    const x = rotateGroups(spec, gpu.variant.rows);
    const group = bind(gpu.device, kernels.rotate, [scratch.qkv, scratch.angles, cache, this.runs]);
    return (pass, { rowCount }, offset) => dispatch(pass, kernels.rotate, group, { x, y: rowCount }, offset);
  }

  private attend(cache: GPUBuffer): EncodeRun[] {
    const { gpu, kernels, scratch, spec } = this.base;
    const { nHeads, headDim } = spec;
    const { attention } = kernels;
    if (attention.form === 'flash') {
      const group = bind(gpu.device, attention.flash, [scratch.qkv, cache, scratch.mixed, this.runs]);
      return [(pass, { rowCount }, offset) => dispatch(pass, attention.flash, group, { x: nHeads, y: rowCount }, offset)];
    }
    const { score, mix } = attention;
    const scoreGroup = bind(gpu.device, score, [scratch.qkv, cache, scratch.scores, this.runs]);
    const mixGroup = bind(gpu.device, mix, [cache, scratch.scores, scratch.mixed, this.runs]);
    const x = Math.ceil((nHeads * headDim) / 2 / mixWords(headDim) / MIX_THREADS);
    return [
      (pass, { start, rowCount }, offset) => {
        const scoreX = Math.ceil((start + rowCount) / SCORE_POSITIONS / SCORE_THREADS);
        dispatch(pass, score, scoreGroup, { x: scoreX, y: nHeads, z: rowCount }, offset);
      },
      (pass, { rowCount }, offset) => dispatch(pass, mix, mixGroup, { x, y: rowCount }, offset),
    ];
  }
}
