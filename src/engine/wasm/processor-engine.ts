import { createCpuEngine } from '../cpu/cpu-engine.ts';
import { describeProcessor } from '../cpu/describe-processor.ts';
import type { EngineOptions, ShardEngine } from '../shard-engine.ts';
import { compileKernels } from './kernels.ts';
import { fitsKernels, WasmEngine } from './wasm-engine.ts';

/** What a processor does best: WebAssembly SIMD, or plain TypeScript where a browser has none or a model's shape is odd. */
export async function createProcessorEngine(options: EngineOptions): Promise<ShardEngine> {
  const module = await compileKernels();
  if (!module || !fitsKernels(options.spec)) return createCpuEngine(options);
  return new WasmEngine(options, module, describeProcessor('WebAssembly SIMD'));
}
