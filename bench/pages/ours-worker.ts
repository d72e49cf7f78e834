import { askRows } from '../../src/engine/shard-engine.ts';
import { loadWholeModel, type WholeModel } from '../../src/engine/whole-model.ts';
import { memorySource } from '../../src/gguf/byte-source.ts';
import { type Contestant, median, promptIds } from '../engine/contestant.ts';
import { type GpuClock, type Span, watchGpu } from '../engine/gpu-clock.ts';
import { ENGINES, profileModel } from '../engine/our-engines.ts';
import type { WorkerCall, WorkerReply } from './ours.ts';

const CONTEXT_LENGTH = 512;

let model: WholeModel;
let gpu: GpuClock | null = null;

const ours: Contestant = {
  async load(url, variant) {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const create = ENGINES[variant];
    if (!create) throw new Error(`no engine called ${variant}`);
    if (variant === 'webgpu') gpu = watchGpu();
    const startMs = performance.now();
    model = await loadWholeModel(memorySource(bytes), (options) => create({ ...options, contextLength: CONTEXT_LENGTH }));
    await forward('first', promptIds(1), 0);
    const loadMs = performance.now() - startMs;
    model.engine.freeSequence('first');
    const { kind, adapter } = model.engine;
    if (!variant.startsWith(kind)) throw new Error(`asked for ${variant}, got ${kind}`);
    return { backend: `${kind}: ${adapter}`, loadMs };
  },
  async prefill(count) {
    const startMs = performance.now();
    const id = await forward('prefill', promptIds(count), 0);
    const ms = performance.now() - startMs;
    model.engine.freeSequence('prefill');
    return { ms, ids: [id], count };
  },
  async decode(context, steps) {
    const sequence = `decode ${context}`;
    const prompt = promptIds(context + 1);
    if (!filled.has(sequence)) await forward(sequence, prompt.slice(0, context), 0);
    filled.add(sequence);
    let id = prompt[context]!;
    const ids: number[] = [];
    const samples: Sample[] = [];
    for (let i = 0; i < steps; i++) {
      gpu?.start();
      const startMs = performance.now();
      id = await forward(sequence, [id], context + i);
      const ms = performance.now() - startMs;
      samples.push({ ms, encodeMs: gpu ? gpu.lastSubmitMs - startMs : 0, kernelMs: gpu ? total(await gpu.spans()) : 0 });
      ids.push(id);
    }
    model.engine.truncate(sequence, context);
    const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
    const timed = { ms: middle(({ ms }) => ms), ids, count: steps };
    if (!gpu) return timed;
    const overheadMs = middle(({ ms, kernelMs }) => ms - kernelMs);
    return { ...timed, encodeMs: middle(({ encodeMs }) => encodeMs), overheadMs };
  },
  async profile() {
    const { profile, decodeMs } = await profileModel(model.spec, ENGINES[model.engine.kind]!);
    return { engine: profile.engine, decodeMs };
  },
};

const filled = new Set<string>();

interface Sample {
  ms: number;
  encodeMs: number;
  kernelMs: number;
}

function total(spans: readonly Span[]): number {
  return spans.reduce((sum, { ms }) => sum + ms, 0);
}

/** @returns the most likely next token */
async function forward(sequence: string, ids: readonly number[], start: number): Promise<number> {
  const { head } = await model.engine.forward({
    rows: ids.map((_, i) => ({ sequence, position: start + i })),
    input: { tokens: Uint32Array.from(ids) },
    layers: { startLayer: 0, endLayer: model.spec.nLayers },
    head: askRows([ids.length - 1]),
  });
  return head[0]!.topIds[0]!;
}

globalThis.onmessage = async ({ data }: MessageEvent<WorkerCall>) => {
  const { call, method, args } = data;
  const answer = (reply: WorkerReply) => postMessage(reply);
  try {
    const run = ours[method] as (...some: unknown[]) => Promise<unknown>;
    answer({ call, value: await run(...args) });
  } catch (thrown) {
    answer({ call, error: thrown instanceof Error ? `${thrown.message}` : String(thrown) });
  }
};
