import { BLOCK_FORMATS, type QuantType } from '../../gguf/quant.ts';
import { randomBlocks } from '../../gguf/random-blocks.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { encodeSteps } from './kernel.ts';
import { Matmul, type MatmulTarget } from './matmul.ts';
import { MatrixStack } from './matrix-stack.ts';
import { passMs } from './pass-time.ts';
import { ReadBack } from './read-back.ts';
import { defaultVariant, type KernelVariant } from './variants.ts';

/** A matrix to multiply by. */
export interface BenchShape {
  type: QuantType;
  rows: number;
  columns: number;
  /** Most tokens that it is multiplied by at once. */
  maxTokens: number;
}

/** Multiplies one random matrix in different variants, checks the bits and takes the time. */
export class ProductBench {
  private readonly gpu: GpuContext;
  private readonly shape: BenchShape;
  private readonly stack: MatrixStack;
  private readonly target: MatmulTarget & { tokens: GPUBuffer };
  private readonly results: ReadBack;
  private readonly now: () => number;

  private constructor(
    gpu: GpuContext,
    shape: BenchShape,
    stack: MatrixStack,
    target: MatmulTarget & { tokens: GPUBuffer },
    now: () => number,
  ) {
    this.gpu = gpu;
    this.shape = shape;
    this.stack = stack;
    this.target = target;
    this.results = new ReadBack(gpu);
    this.now = now;
  }

  /** @throws AppError out-of-memory, device-lost */
  static async create(gpu: GpuContext, shape: BenchShape, now: () => number): Promise<ProductBench> {
    const { type, rows, columns, maxTokens } = shape;
    const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST | BUFFER_USAGE.COPY_SRC;
    const { input, output, tokens } = await createBuffers(gpu, 'tuning', {
      input: { bytes: 4 * maxTokens * columns, usage },
      output: { bytes: 4 * maxTokens * rows, usage },
      tokens: { bytes: 16, usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST },
    });
    const values = Float32Array.from({ length: maxTokens * columns }, (_, i) => Math.sin(i + 1));
    gpu.device.queue.writeBuffer(input, 0, values);
    const stack = new MatrixStack(gpu, columns, [{ role: 'ffn_gate', rows }]);
    const bytes = randomBlocks(type, (rows * columns) / BLOCK_FORMATS[type].blockValues, { magnitude: 1, seed: 1 });
    await stack.add({ role: 'ffn_gate', type, rows, columns, bytes });
    const target = { input, output, outputStride: rows, accumulate: false, tokens };
    return new ProductBench(gpu, shape, stack, target, now);
  }

  /**
   * Number of the variant that takes the least time for this many tokens among those whose products have the bits of the
   * barrier-free ones. After the deadline no further one is tried, once there is one.
   *
   * @throws AppError device-lost, out-of-memory, internal
   */
  async fastest(variants: readonly KernelVariant[], tokens: number, deadlineMs: number): Promise<number> {
    this.gpu.device.queue.writeBuffer(this.target.tokens, 0, Uint32Array.of(tokens));
    const expected = await this.using(defaultVariant(true, 0), (matmul) => this.products(matmul, tokens));
    let best = { index: 0, ms: Number.POSITIVE_INFINITY };
    for (const [index, variant] of variants.entries()) {
      if (best.ms < Number.POSITIVE_INFINITY && this.now() > deadlineMs) break;
      const ms = await this.using(variant, async (matmul) => {
        if (!sameBits(await this.products(matmul, tokens), expected)) return Number.POSITIVE_INFINITY;
        return passMs(this.gpu, this.now, (pass) => encodeSteps(pass, matmul.steps, tokens));
      });
      if (ms < best.ms) best = { index, ms };
    }
    return best.index;
  }

  destroy(): void {
    this.stack.destroy();
    this.results.destroy();
    for (const buffer of [this.target.input, this.target.output, this.target.tokens]) buffer.destroy();
  }

  private async using<T>(variant: KernelVariant, use: (matmul: Matmul) => Promise<T>): Promise<T> {
    const matmul = await Matmul.create({ ...this.gpu, variant }, this.stack, this.target);
    try {
      return await use(matmul);
    } finally {
      matmul.destroy();
    }
  }

  private products(matmul: Matmul, tokens: number): Promise<ArrayBuffer> {
    const bytes = 4 * tokens * this.shape.rows;
    const { device } = this.gpu;
    return this.results.read(bytes, 'tuning', (readBack) => {
      const encoder = device.createCommandEncoder({ label: 'tuning' });
      const pass = encoder.beginComputePass({ label: 'tuning' });
      encodeSteps(pass, matmul.steps, tokens);
      pass.end();
      encoder.copyBufferToBuffer(this.target.output, 0, readBack, 0, bytes);
      device.queue.submit([encoder.finish()]);
    });
  }
}

function sameBits(a: ArrayBuffer, b: ArrayBuffer): boolean {
  const [left, right] = [new Uint32Array(a), new Uint32Array(b)];
  return left.length === right.length && left.every((bits, i) => bits === right[i]);
}
