import { HEAD_TOP } from '../../shared/model/head-row.ts';
import type { EngineOptions } from '../shard-engine.ts';
import type { GpuContext } from './gpu-context.ts';
import type { Kernel } from './kernel.ts';
import { type AttentionShape, mixKernel, scoreKernel } from './kernels/attention.ts';
import { cooperativeNormKernel } from './kernels/cooperative-norm.ts';
import { flashAttentionKernel } from './kernels/flash-attention.ts';
import { barKernel, groupKernel, pickKernel } from './kernels/head.ts';
import { normKernel } from './kernels/norm.ts';
import { rotateKernel } from './kernels/rotate.ts';
import { swigluKernel } from './kernels/swiglu.ts';
import { HEAD_ROWS } from './scratch.ts';

/** The kernels that depend on the model's shape but not on its weight formats. */
export interface ShapeKernels {
  norm: Kernel;
  rotate: Kernel;
  /** In two steps through a buffer of scores, or in one. */
  attention: { form: 'scored'; score: Kernel; mix: Kernel } | { form: 'flash'; flash: Kernel };
  swiglu: Kernel;
  group: Kernel;
  bar: Kernel;
  pick: Kernel;
}

/** Compiles them side by side. */
export async function compileShapeKernels(gpu: GpuContext, { spec, contextLength }: EngineOptions): Promise<ShapeKernels> {
  const shape = { ...spec, contextLength };
  const isCooperative = gpu.variant.rows === 'cooperative';
  const [norm, rotate, attention, swiglu, group, bar, pick] = await Promise.all([
    gpu.kernel(isCooperative ? cooperativeNormKernel(spec.dim, spec.rmsEps) : normKernel(spec.dim, spec.rmsEps)),
    gpu.kernel(rotateKernel(shape, gpu.variant.rows)),
    isCooperative ? flashAttention(gpu, shape) : scoredAttention(gpu, shape),
    gpu.kernel(swigluKernel(spec.ffnDim)),
    gpu.kernel(groupKernel(spec.vocabSize, HEAD_ROWS)),
    gpu.kernel(barKernel(HEAD_TOP)),
    gpu.kernel(pickKernel(spec.vocabSize)),
  ]);
  return { norm, rotate, attention, swiglu, group, bar, pick };
}

async function scoredAttention(gpu: GpuContext, shape: AttentionShape): Promise<ShapeKernels['attention']> {
  const [score, mix] = await Promise.all([gpu.kernel(scoreKernel(shape)), gpu.kernel(mixKernel(shape))]);
  return { form: 'scored', score, mix };
}

async function flashAttention(gpu: GpuContext, shape: AttentionShape): Promise<ShapeKernels['attention']> {
  return { form: 'flash', flash: await gpu.kernel(flashAttentionKernel(shape)) };
}
