import { BUFFER_USAGE, MAP_MODE_READ } from '../../src/engine/webgpu/gpu-constants.ts';

/** Timestamps that fit a query set, two to a span. */
const MAX_SPANS = 2048;
/** GPUBufferUsage.QUERY_RESOLVE of the WebGPU specification. */
const QUERY_RESOLVE = 0x200;

/** What one pass took, or one dispatch. */
export interface Span {
  /** Of the pass, or of the pipeline. */
  label: string;
  ms: number;
}

/** Times what runs on WebGPU in this thread, from outside. */
export interface GpuClock {
  /** 'dispatch' gives each dispatch a pass of its own: slower as a whole, but each kernel is told apart. */
  each: 'pass' | 'dispatch';
  /** When the last submission returned, on the clock of `performance.now`. */
  lastSubmitMs: number;
  /** Forgets what was. */
  start(): void;
  /** What ran since `start`; nothing where the adapter has no timestamps. */
  spans(): Promise<Span[]>;
}

interface Watched {
  device: GPUDevice;
  queries: GPUQuerySet;
}

/** Wraps the methods that open devices, begin passes and submit. Call it before any device is opened. */
export function watchGpu(): GpuClock {
  let watched: Watched | null = null;
  let labels: string[] = [];
  const clock: GpuClock = {
    each: 'pass',
    lastSubmitMs: 0,
    start: () => {
      labels = [];
    },
    spans: async () => {
      if (!watched || labels.length === 0) return [];
      const times = await readMs(watched, labels.length);
      return labels.map((label, i) => ({ label, ms: times[i]! }));
    },
  };
  /** Where the next span's times go; nothing when all places are taken. */
  const place = (label: string): Pick<GPUComputePassDescriptor, 'timestampWrites'> => {
    if (!watched || labels.length === MAX_SPANS) return {};
    const first = 2 * labels.length;
    labels.push(label);
    const { queries: querySet } = watched;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 } };
  };
  wrap(GPUAdapter.prototype, 'requestDevice', async function (this: GPUAdapter, open, descriptor) {
    if (!this.features.has('timestamp-query')) return open(descriptor);
    const device = await open({ ...descriptor, requiredFeatures: [...(descriptor?.requiredFeatures ?? []), 'timestamp-query'] });
    watched = { device, queries: device.createQuerySet({ type: 'timestamp', count: 2 * MAX_SPANS }) };
    return device;
  });
  wrap(GPUCommandEncoder.prototype, 'beginComputePass', function (this: GPUCommandEncoder, begin, descriptor = {}) {
    if (clock.each === 'dispatch') return passPerDispatch((label) => begin({ ...descriptor, ...place(label) }));
    return begin({ ...descriptor, ...place(descriptor.label ?? '') });
  });
  wrap(GPUQueue.prototype, 'submit', function (this: GPUQueue, submit, buffers) {
    submit(buffers);
    clock.lastSubmitMs = performance.now();
    return undefined;
  });
  return clock;
}

/** Stands for a pass and opens a real one for each dispatch. Takes what our engine calls, no more. */
function passPerDispatch(begin: (label: string) => GPUComputePassEncoder): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  let group: Parameters<GPUComputePassEncoder['setBindGroup']>;
  const pass = {
    setPipeline: (next: GPUComputePipeline) => {
      pipeline = next;
    },
    setBindGroup: (...next: typeof group) => {
      group = next;
    },
    dispatchWorkgroups: (x: number, y?: number, z?: number) => {
      const real = begin(pipeline.label);
      real.setPipeline(pipeline);
      real.setBindGroup(...group);
      real.dispatchWorkgroups(x, y, z);
      real.end();
    },
    end: () => {},
  };
  return pass as unknown as GPUComputePassEncoder;
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

async function readMs({ device, queries }: Watched, spans: number): Promise<number[]> {
  const size = 16 * spans;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC });
  const mapped = device.createBuffer({ size, usage: BUFFER_USAGE.COPY_DST | BUFFER_USAGE.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(queries, 0, 2 * spans, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
  device.queue.submit([encoder.finish()]);
  await mapped.mapAsync(MAP_MODE_READ);
  const stamps = new BigUint64Array(mapped.getMappedRange());
  const times = Array.from({ length: spans }, (_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6);
  mapped.destroy();
  resolved.destroy();
  return times;
}
