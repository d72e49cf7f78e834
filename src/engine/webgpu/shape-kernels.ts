import type { EngineOptions } from '../shard-engine.ts';
import { HEAD_TOP } from '../shard-engine.ts';
import type { GpuContext } from './gpu-context.ts';
import type { Kernel } from './kernel.ts';
import { mixKernel, rotateKernel, scoreKernel } from './kernels/attention.ts';
import { barKernel, groupKernel, pickKernel } from './kernels/head.ts';
import { normKernel } from './kernels/norm.ts';
import { swigluKernel } from './kernels/swiglu.ts';

/** The kernels that depend on the model's shape but not on its weight formats. */
export interface ShapeKernels {
  norm: Kernel;
  rotate: Kernel;
  score: Kernel;
  mix: Kernel;
  swiglu: Kernel;
  group: Kernel;
  bar: Kernel;
  pick: Kernel;
}

/** Compiles them side by side. */
export async function compileShapeKernels(gpu: GpuContext, { spec, contextLength }: EngineOptions): Promise<ShapeKernels> {
  const attention = { ...spec, contextLength };
  const [norm, rotate, score, mix, swiglu, group, bar, pick] = await Promise.all([
    gpu.kernel(normKernel(spec.dim, spec.rmsEps)),
    gpu.kernel(rotateKernel(attention)),
    gpu.kernel(scoreKernel(attention)),
    gpu.kernel(mixKernel(attention)),
    gpu.kernel(swigluKernel(spec.ffnDim)),
    gpu.kernel(groupKernel(spec.vocabSize)),
    gpu.kernel(barKernel(HEAD_TOP)),
    gpu.kernel(pickKernel(spec.vocabSize)),
  ]);
  return { norm, rotate, score, mix, swiglu, group, bar, pick };
}
