import type { QuantType } from '../../gguf/quant.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { bind, dispatch, type Kernel } from './kernel.ts';
import { blocksPerRow, WEIGHT_FORMATS } from './kernels/formats.ts';
import { usedLanes } from './kernels/lanes.ts';
import { MATRIX_SHAPE_WORDS, type MatmulSource } from './kernels/matmul.ts';
import { type Outcome, outcomes } from './kernels/outcome.ts';
import type { MatrixStack, RowRun } from './matrix-stack.ts';
import { manyTokensSource, oneTokenSource } from './product-sources.ts';

/** A compiled kernel for products, and what a workgroup of it computes. */
interface ProductKernel extends Kernel {
  groupRows: number;
  groupTokens: number;
}

interface MatmulKernels {
  one: ProductKernel;
  many: ProductKernel;
}

/** Where products go and how. */
export interface MatmulTarget {
  /** (tokens, columns) f32. */
  input: GPUBuffer;
  /** (tokens, outputStride) f32. */
  output: GPUBuffer;
  outputStride: number;
  /** Adds to the output instead of replacing it. */
  accumulate: boolean;
  /** Default: rows. For `gated`, the whole stack must lie in one run. */
  outcome?: Outcome;
  /** Uniform whose first word is the number of tokens. */
  tokens: GPUBuffer;
}

/** A kernel, and workgroups for all rows of a step. */
interface Placed {
  kernel: ProductKernel;
  x: number;
  z: number;
}

interface Step {
  one: Placed;
  many: Placed;
  group: GPUBindGroup;
  shape: GPUBuffer;
}

/** Compiles what matrices of this format need, in the device's variant. */
async function matmulKernels(gpu: GpuContext, type: QuantType, outcome: Outcome): Promise<MatmulKernels> {
  const format = WEIGHT_FORMATS[type];
  const { one: oneTile, many: manyTile } = gpu.variant;
  const [one, many] = await Promise.all([
    compile(gpu, oneTokenSource(format, oneTile, outcome)),
    compile(gpu, manyTokensSource(format, manyTile, outcome)),
  ]);
  return { one, many };
}

async function compile(gpu: GpuContext, source: MatmulSource): Promise<ProductKernel> {
  const { groupRows, groupTokens } = source;
  return { ...(await gpu.kernel(source)), groupRows, groupTokens };
}

/** output = weights . input for a stack of matrices, ready to be encoded any number of times. */
export class Matmul {
  private readonly steps: readonly Step[];

  private constructor(steps: readonly Step[]) {
    this.steps = steps;
  }

  static async create(gpu: GpuContext, stack: MatrixStack, target: MatmulTarget): Promise<Matmul> {
    const steps = stack.runs().map(async (run) => {
      const kernels = await matmulKernels(gpu, run.type, target.outcome ?? 'rows');
      return createStep(gpu, kernels, run, stack.columns, target);
    });
    return new Matmul(await Promise.all(steps));
  }

  /** Bound, so that it can be passed on as a step. */
  readonly encode = (pass: GPUComputePassEncoder, tokens: number): void => {
    for (const { one, many, group } of this.steps) {
      const { kernel, x, z } = tokens === 1 ? one : many;
      dispatch(pass, kernel, group, { x, y: Math.ceil(tokens / kernel.groupTokens), z });
    }
  };

  destroy(): void {
    for (const { shape } of this.steps) shape.destroy();
  }
}

/** A vocabulary may have more rows than one side of a grid has workgroups: they go on in z. */
function placed(gpu: GpuContext, kernel: ProductKernel, rows: number): Placed {
  const groups = Math.ceil(rows / kernel.groupRows);
  const folds = Math.ceil(groups / gpu.maxGroupsPerSide);
  return { kernel, x: Math.ceil(groups / folds), z: folds };
}

function createStep(gpu: GpuContext, kernels: MatmulKernels, run: RowRun, columns: number, target: MatmulTarget): Step {
  const blocks = blocksPerRow(WEIGHT_FORMATS[run.type], columns);
  const rows = outcomes(target.outcome ?? 'rows', run.rows);
  const shape = createShape(gpu, [
    run.firstRow,
    rows,
    blocks,
    target.outputStride,
    run.stackRow,
    target.accumulate ? 1 : 0,
    usedLanes(blocks),
  ]);
  const group = bind(gpu.device, kernels.many, [run.quants, run.scales, target.input, target.output, shape, target.tokens]);
  return { one: placed(gpu, kernels.one, rows), many: placed(gpu, kernels.many, rows), group, shape };
}

/** The uniform that `struct Shape` of the kernels reads. */
export function createShape({ device }: GpuContext, words: readonly number[]): GPUBuffer {
  const usage = BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST;
  const buffer = device.createBuffer({ label: 'shape', size: 4 * MATRIX_SHAPE_WORDS, usage });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
  return buffer;
}
