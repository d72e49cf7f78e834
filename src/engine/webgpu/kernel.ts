import { AppError } from '../../shared/errors.ts';
import { STAGE_COMPUTE } from './gpu-constants.ts';

/** How a kernel uses a binding. `run` is a uniform with a dynamic offset: its place is given with every dispatch. */
export type BindingKind = 'read' | 'write' | 'uniform' | 'run';

export interface KernelSource {
  /** For error messages and captures. */
  label: string;
  /** One compute entry point called `main`; bindings 0, 1, ... of group 0 as in `bindings`. */
  wgsl: string;
  bindings: readonly BindingKind[];
}

export interface Kernel {
  label: string;
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** Where a dispatch finds one of its bindings: a whole buffer, or a part of it. */
export type Resource = GPUBuffer | GPUBufferBinding;

export async function createKernel(device: GPUDevice, { label, wgsl, bindings }: KernelSource): Promise<Kernel> {
  const entries = bindings.map((kind, binding) => ({ binding, visibility: STAGE_COMPUTE, buffer: bufferLayout(kind) }));
  const layout = device.createBindGroupLayout({ label, entries });
  // What is wrong with the text comes with the pipeline's failure; without a scope it would also count as uncaught.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: wgsl });
  void device.popErrorScope().catch(() => null);
  try {
    const pipeline = await device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { label, pipeline, layout };
  } catch (thrown) {
    const why = (await compilerMessages(module)) || AppError.from(thrown).message;
    throw new AppError('internal', `kernel ${label} does not compile: ${why}`, { cause: thrown });
  }
}

async function compilerMessages(module: GPUShaderModule): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  return messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('; ');
}

function bufferLayout(kind: BindingKind): GPUBufferBindingLayout {
  switch (kind) {
    case 'read':
      return { type: 'read-only-storage' };
    case 'write':
      return { type: 'storage' };
    case 'uniform':
      return { type: 'uniform' };
    case 'run':
      return { type: 'uniform', hasDynamicOffset: true };
  }
}

export function bind(device: GPUDevice, kernel: Kernel, resources: readonly Resource[]): GPUBindGroup {
  return device.createBindGroup({
    label: kernel.label,
    layout: kernel.layout,
    entries: resources.map((resource, binding) => ({
      binding,
      resource: 'buffer' in resource ? resource : { buffer: resource },
    })),
  });
}

/** Workgroups for some rows: `x` by `z`, once for every `groupRows` of the rows. */
export interface Placed {
  kernel: Kernel;
  x: number;
  z: number;
  groupRows: number;
}

/**
 * A dispatch over the first rows of its buffers, ready to be encoded any number of times. It is data and no function, as a
 * token takes hundreds of them: a browser goes through a list of them in two thirds of the time.
 */
export interface Step {
  group: GPUBindGroup;
  /** For a single row. */
  one: Placed;
  many: Placed;
}

/** A step whose workgroups are the same for every row. */
export function rowStep({ device }: { device: GPUDevice }, kernel: Kernel, resources: readonly Resource[], x: number): Step {
  const placed = { kernel, x, z: 1, groupRows: 1 };
  return { group: bind(device, kernel, resources), one: placed, many: placed };
}

export function encodeSteps(pass: GPUComputePassEncoder, steps: readonly Step[], rows: number): void {
  for (const { group, one, many } of steps) {
    const { kernel, x, z, groupRows } = rows === 1 ? one : many;
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, Math.ceil(rows / groupRows), z);
  }
}

/** Filled anew for each dispatch: a browser takes twice as long over a plain array of offsets. */
const runOffsets = new Uint32Array(1);

/** A dispatch whose binding of kind `run` begins at `runOffset`. */
export function dispatchRun(
  pass: GPUComputePassEncoder,
  { pipeline }: Kernel,
  group: GPUBindGroup,
  runOffset: number,
  x: number,
  y: number,
  z = 1,
): void {
  runOffsets[0] = runOffset;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group, runOffsets, 0, 1);
  pass.dispatchWorkgroups(x, y, z);
}
