import { afterAll, beforeAll } from 'vitest';
import { describeEngineContract } from '../testing/engine-contract.ts';
import { type GpuContext, openGpu } from './gpu-context.ts';
import { createWebGpuEngine } from './webgpu-engine.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu();
});
afterAll(() => gpu.destroy());

describeEngineContract('WebGPU', (options) => createWebGpuEngine(options, gpu));
