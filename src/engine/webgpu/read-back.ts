import { destroyedError } from '../parts-engine.ts';
import { awaitQueue } from './await-queue.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { checkedWork, createBuffers } from './gpu-memory.ts';

/** One buffer through which results come back, kept from forward to forward and replaced by a larger one when needed. */
export class ReadBack {
  private readonly gpu: GpuContext;
  private buffer: GPUBuffer | null = null;

  constructor(gpu: GpuContext) {
    this.gpu = gpu;
  }

  /**
   * Runs work that submits commands which write `bytes` bytes to the buffer that it is given, and returns them.
   *
   * @throws AppError out-of-memory, device-lost, internal
   */
  async read(bytes: number, what: string, work: (buffer: GPUBuffer) => void): Promise<ArrayBuffer> {
    const buffer = await this.reserve(bytes);
    let mapped: Promise<boolean> = Promise.resolve(false);
    // A map that fails says less than the error scopes around the work; it is looked at after them.
    await checkedWork(this.gpu, what, () => {
      work(buffer);
      mapped = buffer.mapAsync(MAP_MODE_READ, 0, Math.max(16, bytes)).then(
        () => true,
        () => false,
      );
    });
    if (!(await awaitQueue(this.gpu.device.queue, mapped))) throw destroyedError();
    const copy = buffer.getMappedRange(0, Math.max(16, bytes)).slice(0, bytes);
    buffer.unmap();
    return copy;
  }

  destroy(): void {
    this.buffer?.destroy();
    this.buffer = null;
  }

  private async reserve(bytes: number): Promise<GPUBuffer> {
    if (this.buffer && this.buffer.size >= bytes) return this.buffer;
    this.destroy();
    const usage = BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST;
    const { results } = await createBuffers(this.gpu, 'results', { results: { bytes: Math.max(4096, bytes), usage } });
    this.buffer = results;
    return results;
  }
}
