/**
 * The CPU engine's two ways to compute, on one thread and without a browser: ms per token and tokens per second of a prompt.
 * `node bench/run.mjs cpu-kernels [--models mini,mid] [--formats Q4_0,Q8_0] [--skip-plain]`
 */

import { parseArgs } from 'node:util';
import { createCpuEngine } from '../src/engine/cpu/cpu-engine.ts';
import { meanRounds } from '../src/engine/mean-rounds.ts';
import { askRows } from '../src/engine/shard-engine.ts';
import { createProcessorEngine } from '../src/engine/wasm/processor-engine.ts';
import { loadWholeModel, type WholeModel } from '../src/engine/whole-model.ts';
import { MODEL_SHAPES } from '../tools/synthetic-gguf/model-shapes.ts';
import { syntheticGguf } from '../tools/synthetic-gguf/synthetic-gguf.ts';

const BUDGET_MS = 1500;
const SHORT_CONTEXT = 16;
const LONG_CONTEXT = 256;
const PREFILL_ROWS = 32;

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string', default: 'mini,mid' },
      formats: { type: 'string', default: 'Q4_0,Q8_0' },
      'skip-plain': { type: 'boolean', default: false },
    },
  });
  const engines = values['skip-plain'] ? [createProcessorEngine] : [createProcessorEngine, createCpuEngine];
  say(['', `decode ms at ${SHORT_CONTEXT}`, `at ${LONG_CONTEXT}`, `prefill tok/s for ${PREFILL_ROWS}`]);
  for (const name of values.models.split(',')) {
    for (const format of values.formats.split(',')) {
      const shape = MODEL_SHAPES[name];
      if (!shape) throw new Error(`no shape ${name}; there are ${Object.keys(MODEL_SHAPES).join(', ')}`);
      const source = syntheticGguf({ name, shape, format, nLayers: shape.nLayers, seed: 1 });
      for (const create of engines) {
        const model = await loadWholeModel(source, create);
        say([`${name} ${format}, ${model.engine.adapter}`, ...(await measure(model))]);
        model.engine.destroy();
      }
    }
  }
}

/** A line as soon as it is known: the slow ones take a while. */
function say([title, ...cells]: string[]): void {
  process.stdout.write(`${title!.padEnd(40)}${cells.map((cell) => cell.padStart(24)).join('')}\n`);
}

async function measure(model: WholeModel): Promise<string[]> {
  await run(model, 'long', 0, LONG_CONTEXT);
  await run(model, 'short', 0, SHORT_CONTEXT);
  const decode = (sequence: string, context: number) => async () => {
    await run(model, sequence, context, 1);
    model.engine.truncate(sequence, context);
  };
  const prefill = async () => {
    await run(model, 'prompt', 0, PREFILL_ROWS);
    model.engine.freeSequence('prompt');
  };
  const actions = [decode('short', SHORT_CONTEXT), decode('long', LONG_CONTEXT), prefill];
  const timings = await meanRounds(actions, BUDGET_MS, () => performance.now());
  const [shortMs, longMs, prefillMs] = timings.map(({ fastMs }) => fastMs);
  return [shortMs!.toFixed(2), longMs!.toFixed(2), ((PREFILL_ROWS * 1000) / prefillMs!).toFixed(0)];
}

async function run({ spec, engine }: WholeModel, sequence: string, start: number, count: number): Promise<void> {
  await engine.forward({
    rows: Array.from({ length: count }, (_, i) => ({ sequence, position: start + i })),
    input: { tokens: Uint32Array.from({ length: count }, (_, i) => (start + i) % spec.vocabSize) },
    layers: { startLayer: 0, endLayer: spec.nLayers },
    head: askRows([count - 1]),
  });
}
