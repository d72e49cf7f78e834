import type { SequenceRun } from '../checked-runs.ts';
import { ropeFrequencies } from '../rope-frequencies.ts';
import type { PartBase } from './gpu-parts.ts';
import { bind, dispatch } from './kernel.ts';
import { MIX_THREADS, mixWords, ROTATE_THREADS, RUN_WORDS, SCORE_POSITIONS, SCORE_THREADS } from './kernels/attention.ts';
import type { LayerCache } from './kv-cache.ts';
import { RUN_STRIDE_BYTES } from './scratch.ts';

interface CacheGroups {
  rotate: GPUBindGroup;
  score: GPUBindGroup;
  mix: GPUBindGroup;
}

/** mixed = attention(qkv) for runs of rows, each over the keys and values of its own sequence. */
export class Attention {
  private readonly base: PartBase;
  private readonly frequencies: Float64Array;
  /** By buffer: a cache that has grown is another buffer. */
  private readonly groups = new WeakMap<GPUBuffer, CacheGroups>();

  constructor(base: PartBase) {
    this.base = base;
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
  encode(pass: GPUComputePassEncoder, index: number, { rowCount, start }: SequenceRun, cache: LayerCache): void {
    const { kernels, spec } = this.base;
    const { nHeads, nKvHeads, headDim } = spec;
    const groups = this.groupsOf(cache.buffer);
    const offset = index * RUN_STRIDE_BYTES;
    const pairs = ((nHeads + 2 * nKvHeads) * headDim) / 2;
    dispatch(pass, kernels.rotate, groups.rotate, { x: Math.ceil(pairs / ROTATE_THREADS), y: rowCount }, offset);
    const scoreGroups = Math.ceil((start + rowCount) / SCORE_POSITIONS / SCORE_THREADS);
    dispatch(pass, kernels.score, groups.score, { x: scoreGroups, y: nHeads, z: rowCount }, offset);
    const parts = (nHeads * headDim) / 2 / mixWords(headDim);
    dispatch(pass, kernels.mix, groups.mix, { x: Math.ceil(parts / MIX_THREADS), y: rowCount }, offset);
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

  private groupsOf(cache: GPUBuffer): CacheGroups {
    const known = this.groups.get(cache);
    if (known) return known;
    const { gpu, kernels, scratch } = this.base;
    const { qkv, angles, scores, mixed } = scratch;
    const run = { buffer: scratch.runs, offset: 0, size: 4 * RUN_WORDS };
    const groups = {
      rotate: bind(gpu.device, kernels.rotate, [qkv, angles, cache, run]),
      score: bind(gpu.device, kernels.score, [qkv, cache, scores, run]),
      mix: bind(gpu.device, kernels.mix, [cache, scores, mixed, run]),
    };
    this.groups.set(cache, groups);
    return groups;
  }
}
