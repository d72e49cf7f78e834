import { AppError } from '../../shared/errors.ts';
import { createKernel, type Kernel, type KernelSource } from './kernel.ts';
import { defaultVariant, type KernelVariant } from './variants.ts';

/** A WebGPU device, its compiled kernels and its end. Several engines may share one. */
export interface GpuContext {
  readonly device: GPUDevice;
  /** For people. */
  readonly adapter: string;
  /** True for an adapter that computes on the processor. */
  readonly isFallbackAdapter: boolean;
  /** Largest buffer of weights; larger matrices are split by rows. */
  readonly maxWeightBufferBytes: number;
  /** Workgroups along one side of a grid. */
  readonly maxGroupsPerSide: number;
  /** Threads in the smallest subgroup; 0 where kernels have none. */
  readonly subgroupSize: number;
  readonly variant: KernelVariant;
  /** Whether products of gate and up end in what they are for, where one kernel can have both. */
  readonly fusesGate: boolean;
  /** Compiles a kernel, or returns the one compiled before from the same text. */
  kernel(source: KernelSource): Promise<Kernel>;
  /** The first error that no error scope caught; null as long as there is none. */
  uncaughtError(): AppError | null;
  /** Resolves when the device is gone; never rejects, and stays pending after `destroy`. */
  readonly lost: Promise<AppError>;
  /** True once the device is gone or destroyed. */
  isLost(): boolean;
  destroy(): void;
}

/** Used where an adapter has them. No kernel depends on any other, nor on more than the default limits but for buffers. */
const OPTIONAL_FEATURES: readonly GPUFeatureName[] = ['subgroups'];

/** For tests and tuning. */
export interface GpuOptions {
  /** Less than the device allows. */
  maxWeightBufferBytes?: number;
  maxGroupsPerSide?: number;
  /** Asks for no more than every adapter has. */
  defaultLimits?: boolean;
  /** To be used where the adapter has them; default: all that kernels know to use. */
  features?: readonly GPUFeatureName[];
  /** Default: what suits the kind of adapter. */
  variant?: KernelVariant;
  /** Default: not on the processor, where a further kernel takes longer to compile than it saves. */
  fusesGate?: boolean;
}

export interface WebGpuAdapterInfo {
  available: boolean;
  isFallbackAdapter: boolean;
  /** For people: "nvidia hopper", "no WebGPU in this browser". */
  description: string;
}

/** What WebGPU would run on here, without opening a device. Never throws. */
export async function webGpuAdapterInfo(): Promise<WebGpuAdapterInfo> {
  try {
    const adapter = await requestAdapter();
    return { available: true, isFallbackAdapter: adapter.info.isFallbackAdapter, description: adapterName(adapter.info) };
  } catch (thrown) {
    return { available: false, isFallbackAdapter: false, description: AppError.from(thrown).message };
  }
}

/** @throws AppError no-webgpu */
export async function openGpu(options: GpuOptions = {}): Promise<GpuContext> {
  const adapter = await requestAdapter();
  const device = await requestDevice(adapter, options);
  const { isFallbackAdapter } = adapter.info;
  const subgroupSize = device.features.has('subgroups') ? adapter.info.subgroupMinSize : 0;
  const kernels = new Map<string, Promise<Kernel>>();
  const end = watchEnd(device);
  return {
    device,
    adapter: adapterName(adapter.info),
    isFallbackAdapter,
    maxWeightBufferBytes:
      options.maxWeightBufferBytes ?? Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize),
    maxGroupsPerSide: options.maxGroupsPerSide ?? device.limits.maxComputeWorkgroupsPerDimension,
    subgroupSize,
    variant: options.variant ?? defaultVariant(isFallbackAdapter, subgroupSize),
    fusesGate: options.fusesGate ?? !isFallbackAdapter,
    kernel: (source) => {
      const known = kernels.get(source.wgsl);
      if (known) return known;
      const compiling = createKernel(device, source);
      kernels.set(source.wgsl, compiling);
      return compiling;
    },
    ...end,
  };
}

async function requestAdapter(): Promise<GPUAdapter> {
  // Absent in Node and on pages that are no secure context.
  const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu) throw new AppError('no-webgpu', 'This browser offers no WebGPU on this page.');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) {
    const detail = 'This browser has WebGPU, but no adapter that it may use';
    throw new AppError('no-webgpu', detail, { values: { detail } });
  }
  return adapter;
}

/** Without asking, a device gets the default limits of 256 MB buffers and 128 MB bindings whatever the adapter can do. */
async function requestDevice(adapter: GPUAdapter, options: GpuOptions): Promise<GPUDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = options.defaultLimits ? {} : { maxBufferSize, maxStorageBufferBindingSize };
  const requiredFeatures = (options.features ?? OPTIONAL_FEATURES).filter((feature) => adapter.features.has(feature));
  try {
    return await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (thrown) {
    const detail = `The WebGPU adapter gave no device: ${AppError.from(thrown).message}`;
    throw new AppError('no-webgpu', detail, { values: { detail }, cause: thrown });
  }
}

function watchEnd(device: GPUDevice): Pick<GpuContext, 'uncaughtError' | 'lost' | 'isLost' | 'destroy'> {
  let gone = false;
  let destroyed = false;
  let uncaught: AppError | null = null;
  device.addEventListener('uncapturederror', (event) => {
    uncaught ??= new AppError('internal', `WebGPU: ${event.error.message}`);
  });
  const lost = new Promise<AppError>((resolve) => {
    void device.lost.then(({ reason, message }) => {
      gone = true;
      if (!destroyed) resolve(new AppError('device-lost', `The graphics device is gone (${reason || 'unknown'}): ${message}`));
    });
  });
  return {
    uncaughtError: () => uncaught,
    lost,
    isLost: () => gone || destroyed,
    destroy: () => {
      destroyed = true;
      device.destroy();
    },
  };
}

function adapterName(info: GPUAdapterInfo): string {
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'unnamed adapter';
  return `${name} (WebGPU${info.isFallbackAdapter ? ', on the processor' : ''})`;
}
