import { BUFFER_USAGE } from '../../src/engine/webgpu/gpu-constants.ts';
import type { GpuContext } from '../../src/engine/webgpu/gpu-context.ts';
import { encodeSteps, type KernelSource, rowStep } from '../../src/engine/webgpu/kernel.ts';
import { median } from '../engine/contestant.ts';
import type { GpuClock } from '../engine/gpu-clock.ts';

const THREADS = 256;
/** A dispatch has at most 65,535 workgroups a side. */
const GRID_X = 4096;
const ROUNDS = 9;

const COPY: KernelSource = {
  label: 'copy',
  wgsl: `
@group(0) @binding(0) var<storage, read> source: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> target: array<vec4u>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = id.y * ${GRID_X * THREADS}u + id.x;
  if (at < arrayLength(&source)) { target[at] = source[at]; }
}`.replaceAll('target', 'copied'),
  bindings: ['read', 'write'],
};

/** The plainest use of memory that this device can be put to: each value read once and written once, GB/s. */
export async function copyGigabytesPerSecond(gpu: GpuContext, clock: GpuClock): Promise<number> {
  const bytes = Math.min(gpu.isFallbackAdapter ? 2 ** 25 : 2 ** 29, gpu.maxWeightBufferBytes);
  const usage = BUFFER_USAGE.STORAGE;
  const [source, copied] = [0, 1].map(() => gpu.device.createBuffer({ size: bytes, usage }));
  const kernel = await gpu.kernel(COPY);
  const copy = rowStep(gpu, kernel, [source!, copied!], GRID_X);
  const rows = Math.ceil(bytes / 16 / THREADS / GRID_X);
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    clock.start();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass({ label: 'copy' });
    encodeSteps(pass, [copy], rows);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    const [span] = await clock.spans();
    if (!span) throw new Error('this adapter has no timestamps: nothing can be measured');
    samples.push(span.ms);
  }
  source!.destroy();
  copied!.destroy();
  return (2 * bytes) / median(samples.slice(1)) / 1e6;
}
