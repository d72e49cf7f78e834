import { BUFFER_USAGE, MAP_MODE_READ } from '../../src/engine/webgpu/gpu-constants.ts';

const MAX_PASSES = 64;
/** GPUBufferUsage.QUERY_RESOLVE of the WebGPU specification. */
const QUERY_RESOLVE = 0x200;

/** Times the compute passes of whatever runs WebGPU in this thread, from outside. */
export interface GpuClock {
  /** When the last submission returned, on the clock of `performance.now`. */
  lastSubmitMs: number;
  /** Forgets the passes so far. */
  start(): void;
  /** Sum of the passes since `start`, ms; 0 where the adapter has no timestamps. */
  kernelMs(): Promise<number>;
}

interface Watched {
  device: GPUDevice;
  queries: GPUQuerySet;
}

/** Wraps the methods that open devices, begin passes and submit. Call it before any device is opened. */
export function watchGpu(): GpuClock {
  let watched: Watched | null = null;
  let passes = 0;
  const clock: GpuClock = {
    lastSubmitMs: 0,
    start: () => {
      passes = 0;
    },
    kernelMs: () => (watched && passes > 0 ? readMs(watched, passes) : Promise.resolve(0)),
  };
  wrap(GPUAdapter.prototype, 'requestDevice', async function (this: GPUAdapter, open, descriptor) {
    if (!this.features.has('timestamp-query')) return open(descriptor);
    const device = await open({ ...descriptor, requiredFeatures: [...(descriptor?.requiredFeatures ?? []), 'timestamp-query'] });
    watched = { device, queries: device.createQuerySet({ type: 'timestamp', count: 2 * MAX_PASSES }) };
    return device;
  });
  wrap(GPUCommandEncoder.prototype, 'beginComputePass', function (this: GPUCommandEncoder, begin, descriptor) {
    if (!watched || passes === MAX_PASSES) return begin(descriptor);
    const first = 2 * passes++;
    const { queries: querySet } = watched;
    return begin({
      ...descriptor,
      timestampWrites: { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 },
    });
  });
  wrap(GPUQueue.prototype, 'submit', function (this: GPUQueue, submit, buffers) {
    submit(buffers);
    clock.lastSubmitMs = performance.now();
    return undefined;
  });
  return clock;
}

type Method = (...args: never[]) => unknown;

/** Replaces a method by one that gets the original, bound, before its own arguments. */
function wrap<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  replacement: T[K] extends Method ? (this: T, original: T[K], ...args: Parameters<T[K]>) => ReturnType<T[K]> : never,
): void {
  const original = prototype[name] as Method;
  prototype[name] = function (this: T, ...args: never[]) {
    return (replacement as Method).call(this, ...([original.bind(this), ...args] as never[]));
  } as T[K];
}

async function readMs({ device, queries }: Watched, passes: number): Promise<number> {
  const size = 16 * passes;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC });
  const mapped = device.createBuffer({ size, usage: BUFFER_USAGE.COPY_DST | BUFFER_USAGE.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(queries, 0, 2 * passes, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
  device.queue.submit([encoder.finish()]);
  await mapped.mapAsync(MAP_MODE_READ);
  const stamps = new BigUint64Array(mapped.getMappedRange());
  let nanoseconds = 0n;
  for (let i = 0; i < 2 * passes; i += 2) nanoseconds += stamps[i + 1]! - stamps[i]!;
  mapped.destroy();
  resolved.destroy();
  return Number(nanoseconds) / 1e6;
}
