import type { QuantType } from '../../gguf/quant.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { bind, type Kernel, type Placed, type Resource, type Step } from './kernel.ts';
import { blocksPerRow, WEIGHT_FORMATS } from './kernels/formats.ts';
import { usedLanes } from './kernels/lanes.ts';
import { MATRIX_SHAPE_WORDS, type MatmulSource } from './kernels/matmul.ts';
import { type Outcome, outcomes } from './kernels/product-outcome.ts';
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
  tokens: Resource;
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

/** output = weights . input for a stack of matrices. */
export class Matmul {
  readonly steps: readonly Step[];
  private readonly shapes: readonly GPUBuffer[];

  private constructor(placed: readonly { step: Step; shape: GPUBuffer }[]) {
    this.steps = placed.map(({ step }) => step);
    this.shapes = placed.map(({ shape }) => shape);
  }

  static async create(gpu: GpuContext, stack: MatrixStack, target: MatmulTarget): Promise<Matmul> {
    const placed = stack.runs().map(async (run) => {
      const kernels = await matmulKernels(gpu, run.type, target.outcome ?? 'rows');
      return createStep(gpu, kernels, run, stack.columns, target);
    });
    return new Matmul(await Promise.all(placed));
  }

  destroy(): void {
    for (const shape of this.shapes) shape.destroy();
  }
}

/** A vocabulary may have more rows than one side of a grid has workgroups: they go on in z. */
function placed(gpu: GpuContext, kernel: ProductKernel, rows: number): Placed {
  const groups = Math.ceil(rows / kernel.groupRows);
  const folds = Math.ceil(groups / gpu.maxGroupsPerSide);
  return { kernel, x: Math.ceil(groups / folds), z: folds, groupRows: kernel.groupTokens };
}

function createStep(gpu: GpuContext, kernels: MatmulKernels, run: RowRun, columns: number, target: MatmulTarget) {
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
  const step: Step = { group, one: placed(gpu, kernels.one, rows), many: placed(gpu, kernels.many, rows) };
  return { step, shape };
}

/** The uniform that `struct Shape` of the kernels reads. */
export function createShape({ device }: GpuContext, words: readonly number[]): GPUBuffer {
  const usage = BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST;
  const buffer = device.createBuffer({ label: 'shape', size: 4 * MATRIX_SHAPE_WORDS, usage });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
  return buffer;
}
