/**
 * Our kernels in Node on whatever Vulkan, Metal or Direct3D offers, without a browser: how much of the memory's bandwidth a
 * decode uses, how much arithmetic a prefill does, and where the time goes. `npm run bench:gpu -- [--layers N] [--dim N]
 * [--json FILE] [--pack FILE.tgz]`. The last one packs this measurement and all it needs into a file for another machine.
 *
 * The package `webgpu` is installed beside this file: `npm ci --prefix bench`.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { ViteDevServer } from 'vite';
import { type GpuContext, openGpu } from '../src/engine/webgpu/gpu-context.ts';
import { TUNING_BUDGET_MS, tunedVariant } from '../src/engine/webgpu/tuning.ts';
import { describeVariant, type KernelVariant } from '../src/engine/webgpu/variants.ts';
import { type Bar, barLine, brief } from './bar-line.ts';
import { watchGpu } from './engine/gpu-clock.ts';
import { copyGigabytesPerSecond } from './gpu/copy-kernel.ts';
import { measureStack, type StackResult, stackSpec } from './gpu/layer-stack.ts';
import { table } from './table.ts';

const DECODE_BANDWIDTH_PERCENT = 80;
/** Of Llama 2 7B, with the proportions kept for other widths. */
const DIM_7B = 4096;

const say = (line: string) => process.stdout.write(`${line}\n`);

export async function main(args: string[], _server?: ViteDevServer): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      layers: { type: 'string', default: '8' },
      dim: { type: 'string', default: String(DIM_7B) },
      json: { type: 'string' },
      pack: { type: 'string' },
    },
  });
  if (values.pack) {
    // What packs is not in the pack.
    const { packBench } = await import('./gpu/pack.ts');
    say(`${values.pack}: ${brief((await packBench(values.pack)) / 1e6)} MB; unpack it and run node gpu.js`);
  }
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
  const clock = watchGpu();
  const device = await openGpu();
  const gpu = { ...device, variant: await tuned(device, Number(values.dim)) };
  say(`${gpu.adapter}, tuned to ${describeVariant(gpu.variant)}`);
  const copy = await copyGigabytesPerSecond(gpu, clock);
  const stack = await measureStack(gpu, clock, { dim: Number(values.dim), nLayers: Number(values.layers) });
  report(copy, stack);
  const bars: Bar[] = [
    {
      name: 'decode-bandwidth',
      figure: (100 * stack.decodeGigabytesPerSecond) / copy,
      limit: DECODE_BANDWIDTH_PERCENT,
      sense: '>=',
      unit: '%',
      ...(gpu.isFallbackAdapter ? { note: 'on the processor this says nothing about a GPU' } : {}),
    },
  ];
  for (const bar of bars) say(barLine(bar));
  if (values.json)
    await writeFile(
      values.json,
      `${JSON.stringify({ adapter: gpu.adapter, variant: gpu.variant, copy, stack, bars }, null, 1)}\n`,
    );
  gpu.destroy();
}

/** As a device is tuned that lends itself, and nothing is remembered. */
function tuned(gpu: GpuContext, dim: number): Promise<KernelVariant> {
  const store = { get: async () => null, put: async () => {} };
  const options = { budgetMs: TUNING_BUDGET_MS, now: () => performance.now(), store };
  return tunedVariant(gpu, { type: 'Q4_0', spec: stackSpec(dim, 1) }, options);
}

function report(copy: number, { shape, weightBytes, decodeMs, decodeGigabytesPerSecond, prefill, kernels }: StackResult): void {
  say(`copy kernel: ${brief(copy)} GB/s read and written`);
  say(`${shape}: ${brief(weightBytes / 1e6)} MB of Q4_0 weights`);
  say(`decode: ${brief(decodeMs)} ms, ${brief(decodeGigabytesPerSecond)} GB/s of weights`);
  for (const { rows, ms, teraflops } of prefill) say(`prefill of ${rows}: ${brief(ms)} ms, ${brief(teraflops)} TFLOP/s`);
  const lines = kernels.map(({ label, count, ms, share }) => [label, String(count), brief(ms), `${Math.round(100 * share)} %`]);
  say(table([['kernels of a decoded token', 'times', 'ms', 'share'], ...lines]));
}
