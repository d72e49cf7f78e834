import type { QuantType } from '../../gguf/quant.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { bind, dispatch, type Kernel } from './kernel.ts';
import { blocksPerRow, WEIGHT_FORMATS } from './kernels/formats.ts';
import { usedLanes } from './kernels/lanes.ts';
import { COOPERATIVE_ROWS, cooperativeMatmulKernel, MATRIX_SHAPE_WORDS, matmulKernel, type Tile } from './kernels/matmul.ts';
import type { MatrixStack, RowRun } from './matrix-stack.ts';

/** Tokens that one thread of a prefill computes. */
export const TILE_TOKENS = 4;
/** Small workgroups spread over processor cores; large ones fill a graphics processor. */
const ONE: Record<'fallback' | 'hardware', Tile> = {
  fallback: { rows: 4, tokens: 1, threads: 16 },
  hardware: { rows: 2, tokens: 1, threads: 64 },
};
const MANY: Record<'fallback' | 'hardware', Tile> = {
  fallback: { rows: 4, tokens: TILE_TOKENS, threads: 16 },
  hardware: { rows: 4, tokens: TILE_TOKENS, threads: 64 },
};

interface MatmulKernels {
  one: Kernel;
  many: Kernel;
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
  /** Uniform whose first word is the number of tokens. */
  tokens: GPUBuffer;
}

interface Step {
  kernels: MatmulKernels;
  group: GPUBindGroup;
  shape: GPUBuffer;
  rows: number;
}

/** Compiles what matrices of this format need. */
export async function matmulKernels(gpu: GpuContext, type: QuantType): Promise<MatmulKernels> {
  const format = WEIGHT_FORMATS[type];
  const kind = gpu.isFallbackAdapter ? 'fallback' : 'hardware';
  const oneSource = gpu.oneToken === 'cooperative' ? cooperativeMatmulKernel(format) : matmulKernel(format, ONE[kind]);
  const [one, many] = await Promise.all([gpu.kernel(oneSource), gpu.kernel(matmulKernel(format, MANY[kind]))]);
  return { one, many };
}

/** output = weights . input for a stack of matrices, ready to be encoded any number of times. */
export class Matmul {
  private readonly gpu: GpuContext;
  private readonly steps: readonly Step[];

  private constructor(gpu: GpuContext, steps: readonly Step[]) {
    this.gpu = gpu;
    this.steps = steps;
  }

  static async create(gpu: GpuContext, stack: MatrixStack, target: MatmulTarget): Promise<Matmul> {
    const steps = stack.runs().map(async (run) => {
      const kernels = await matmulKernels(gpu, run.type);
      return createStep(gpu, kernels, run, stack.columns, target);
    });
    return new Matmul(gpu, await Promise.all(steps));
  }

  /** Bound, so that it can be passed on as a step. */
  readonly encode = (pass: GPUComputePassEncoder, tokens: number): void => {
    for (const { kernels, group, rows } of this.steps) {
      if (tokens === 1) dispatch(pass, kernels.one, group, { x: this.oneTokenGrid(rows) });
      else dispatch(pass, kernels.many, group, { x: this.tileGrid(MANY, rows), y: Math.ceil(tokens / TILE_TOKENS) });
    }
  };

  destroy(): void {
    for (const { shape } of this.steps) shape.destroy();
  }

  private oneTokenGrid(rows: number): number {
    return this.gpu.oneToken === 'cooperative' ? Math.ceil(rows / COOPERATIVE_ROWS) : this.tileGrid(ONE, rows);
  }

  private tileGrid(tiles: typeof ONE, rows: number): number {
    const tile = tiles[this.gpu.isFallbackAdapter ? 'fallback' : 'hardware'];
    return Math.ceil(rows / tile.rows / tile.threads);
  }
}

function createStep(gpu: GpuContext, kernels: MatmulKernels, run: RowRun, columns: number, target: MatmulTarget): Step {
  const blocks = blocksPerRow(WEIGHT_FORMATS[run.type], columns);
  const shape = createShape(gpu, [
    run.firstRow,
    run.rows,
    blocks,
    target.outputStride,
    run.stackRow,
    target.accumulate ? 1 : 0,
    usedLanes(blocks),
  ]);
  const group = bind(gpu.device, kernels.many, [run.quants, run.scales, target.input, target.output, shape, target.tokens]);
  return { kernels, group, shape, rows: run.rows };
}

/** The uniform that `struct Shape` of the kernels reads. */
export function createShape({ device }: GpuContext, words: readonly number[]): GPUBuffer {
  const usage = BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST;
  const buffer = device.createBuffer({ label: 'shape', size: 4 * MATRIX_SHAPE_WORDS, usage });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
  return buffer;
}
