import { awaitQueue } from './await-queue.ts';
import type { GpuContext } from './gpu-context.ts';
import { checkedWork } from './gpu-memory.ts';

/** A sample repeats the work until it takes about as long: what a submission costs beside it should not count; ms. */
const SAMPLE_MS = 5;
const MAX_REPEATS = 50;
const SAMPLES = 3;
/** What takes so long is measured well enough by once, ms. */
const LONG_MS = 50;

/**
 * What the work that `encode` encodes takes, ms: the shortest of some samples, as whatever disturbs makes them longer.
 *
 * @throws AppError device-lost, out-of-memory, internal
 */
export async function passMs(gpu: GpuContext, now: () => number, encode: (pass: GPUComputePassEncoder) => void): Promise<number> {
  const sampleMs = async (repeats: number): Promise<number> => {
    const startMs = now();
    await checkedWork(gpu, 'tuning', () => {
      const encoder = gpu.device.createCommandEncoder({ label: 'tuning' });
      const pass = encoder.beginComputePass({ label: 'tuning' });
      for (let i = 0; i < repeats; i++) encode(pass);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
    const { queue } = gpu.device;
    await awaitQueue(queue, queue.onSubmittedWorkDone());
    return now() - startMs;
  };
  const onceMs = await sampleMs(1);
  if (onceMs > LONG_MS) return onceMs;
  const repeats = Math.max(1, Math.min(MAX_REPEATS, Math.round(SAMPLE_MS / Math.max(onceMs, 0.1))));
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < SAMPLES; i++) leastMs = Math.min(leastMs, (await sampleMs(repeats)) / repeats);
  return leastMs;
}
