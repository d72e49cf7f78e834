import { createCpuEngine } from '../cpu/cpu-engine.ts';
import { describeProcessor } from '../cpu/describe-processor.ts';
import type { EngineOptions, ShardEngine } from '../shard-engine.ts';
import { Heap } from './heap.ts';
import { compileKernels } from './kernels.ts';
import { ThreadGroup, threadCount } from './thread-group.ts';
import { fitsKernels, type KernelBase, WasmEngine } from './wasm-engine.ts';

/**
 * What a processor does best: WebAssembly SIMD, or plain TypeScript where a browser has none or a model's shape is odd.
 * @param threads how many may compute, this one among them; more than one only in a worker
 */
export async function createProcessorEngine(options: EngineOptions, threads = threadCount()): Promise<ShardEngine> {
  if (!fitsKernels(options.spec)) return createCpuEngine(options);
  const base = (threads > 1 && (await sharedBase(options, threads))) || (await ownBase());
  if (!base) return createCpuEngine(options);
  const way = base.threads ? `WebAssembly SIMD on ${base.threads.size} threads` : 'WebAssembly SIMD';
  return new WasmEngine(options, base, describeProcessor(way));
}

/** Null when threads cannot be had after all: whatever the reason, one thread computes the same. */
async function sharedBase(options: EngineOptions, size: number): Promise<KernelBase | null> {
  try {
    const module = await compileKernels({ shared: true });
    if (!module) return null;
    const heap = new Heap({ shared: true });
    return { module, heap, threads: await ThreadGroup.start(module, heap, options, size) };
  } catch {
    return null;
  }
}

async function ownBase(): Promise<KernelBase | null> {
  const module = await compileKernels();
  return module && { module, heap: new Heap(), threads: null };
}
