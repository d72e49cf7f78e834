import type { SequenceRun } from '../checked-runs.ts';
import type { PartBase } from './gpu-parts.ts';
import { bind, dispatchRun } from './kernel.ts';
import { MIX_THREADS, mixWords, SCORE_POSITIONS, SCORE_THREADS } from './kernels/attention.ts';
import { rotateGroups } from './kernels/rotate.ts';
import type { AttentionGroups, SequenceKv } from './kv-cache.ts';
import { RUN_STRIDE_BYTES } from './scratch.ts';

/** mixed = attention(qkv) for runs of rows, each over the keys and values of its own sequence. */
export class Attention {
  private readonly base: PartBase;
  private readonly rotateX: number;
  private readonly mixX: number;

  constructor(base: PartBase) {
    const { nHeads, headDim } = base.spec;
    this.base = base;
    this.rotateX = rotateGroups(base.spec, base.gpu.variant.rows);
    this.mixX = Math.ceil((nHeads * headDim) / 2 / mixWords(headDim) / MIX_THREADS);
  }

  /** Encodes run number `index` of those that were uploaded last, over keys and values that have room for it. */
  encode(pass: GPUComputePassEncoder, index: number, { start, rowCount }: SequenceRun, kv: SequenceKv): void {
    const { rotate, attention } = this.base.kernels;
    const { nHeads } = this.base.spec;
    kv.groups ??= this.groupsOver(kv.buffer!);
    const { groups } = kv;
    const offset = index * RUN_STRIDE_BYTES;
    dispatchRun(pass, rotate, groups.rotate, offset, this.rotateX, rowCount);
    if (attention.form === 'flash') {
      dispatchRun(pass, attention.flash, groups.attend[0]!, offset, nHeads, rowCount);
      return;
    }
    const scoreX = Math.ceil((start + rowCount) / SCORE_POSITIONS / SCORE_THREADS);
    dispatchRun(pass, attention.score, groups.attend[0]!, offset, scoreX, nHeads, rowCount);
    dispatchRun(pass, attention.mix, groups.attend[1]!, offset, this.mixX, rowCount);
  }

  private groupsOver(cache: GPUBuffer): AttentionGroups {
    const { gpu, kernels, scratch } = this.base;
    const rotate = bind(gpu.device, kernels.rotate, [scratch.qkv, scratch.angles, cache, scratch.runs]);
    return { rotate, attend: this.attendGroups(cache) };
  }

  private attendGroups(cache: GPUBuffer): GPUBindGroup[] {
    const { gpu, kernels, scratch } = this.base;
    const { attention } = kernels;
    const { qkv, scores, mixed, runs } = scratch;
    if (attention.form === 'flash') return [bind(gpu.device, attention.flash, [qkv, cache, mixed, runs])];
    return [
      bind(gpu.device, attention.score, [qkv, cache, scores, runs]),
      bind(gpu.device, attention.mix, [cache, scores, mixed, runs]),
    ];
  }
}
