import { AppError } from '../../shared/errors.ts';
import { destroyedError } from '../parts-engine.ts';
import { BUFFER_USAGE, roundUp } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';

/** A binding of a vec4 needs this much. */
const MIN_BUFFER_BYTES = 16;

/**
 * Runs work that makes buffers or submits commands, and waits for what the device says of it. The work itself is done
 * before this returns its promise. Only making pipelines can fail in a third way, for internal reasons.
 *
 * @throws AppError out-of-memory, device-lost, internal
 */
export async function checkedWork<T>(gpu: GpuContext, what: string, work: () => T): Promise<T> {
  if (gpu.isLost()) throw destroyedError();
  const { device } = gpu;
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let result: T;
  let errors: Promise<(GPUError | null)[]>;
  try {
    result = work();
  } finally {
    errors = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    errors.catch(() => null);
  }
  const [validation, memory] = await errors.catch(() => {
    throw destroyedError();
  });
  // A buffer that could not be made also fails whatever uses it: name the cause, not what follows from it.
  if (memory) throw new AppError('out-of-memory', `${what}: the graphics device has no room (${memory.message})`);
  if (validation) throw new AppError('internal', `${what}: ${validation.message}`);
  const uncaught = gpu.uncaughtError();
  if (uncaught) throw uncaught;
  return result;
}

/** Lets destroyed buffers go at once: Chromium keeps them until something is submitted, were it minutes later. */
export function returnMemory({ device }: GpuContext): void {
  device.queue.submit([]);
}

export interface WantedBuffer {
  bytes: number;
  usage: number;
}

/** Makes buffers that either all exist or none. @throws AppError out-of-memory, device-lost */
export async function createBuffers<K extends string>(
  gpu: GpuContext,
  what: string,
  wanted: Record<K, WantedBuffer>,
): Promise<Record<K, GPUBuffer>> {
  const made: Partial<Record<K, GPUBuffer>> = {};
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  try {
    await checkedWork(gpu, what, () => {
      for (const label in wanted) {
        const { bytes, usage } = wanted[label];
        const size = Math.max(MIN_BUFFER_BYTES, roundUp(bytes, 4));
        // What kernels read is bound whole.
        const allowed = usage & BUFFER_USAGE.STORAGE ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
        if (size > allowed) {
          throw new AppError('out-of-memory', `${what} needs a buffer of ${size} bytes, this device allows ${allowed}`, {
            values: { neededBytes: size, allowedBytes: allowed },
          });
        }
        made[label] = gpu.device.createBuffer({ label, size, usage });
      }
    });
  } catch (thrown) {
    for (const label in made) made[label]?.destroy();
    throw thrown;
  }
  return made as Record<K, GPUBuffer>;
}
