import type { Contestant, Timed } from '../engine/contestant.ts';

/** llama.cpp compiled to WebAssembly, timed by its own clock: JavaScript around it does not count. */
const ESM = '/bench/node_modules/@wllama/wllama/esm/';
const THREADS: Record<string, number> = { 'wasm 1 thread': 1, 'wasm threads': Math.max(2, navigator.hardwareConcurrency) };

const { Wllama: Engine } = await import(/* @vite-ignore */ `${ESM}index.js`);
let wllama: Wllama;
/** What llama.cpp has said. */
const lines: string[] = [];
const keep = (...words: unknown[]) => lines.push(words.join(' '));

/** What is used of its API: its own types are sources that do not compile under our settings. */
interface Wllama {
  loadModel(blobs: Blob[], options: Record<string, number>): Promise<void>;
  isMultithread(): boolean;
  getNumThreads(): number;
  createCompletion(options: Record<string, unknown>): Promise<{ timings: Timings }>;
}

/** Of llama.cpp's own clock, ms. */
interface Timings {
  prompt_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
}

const page: Contestant = {
  async load(url, variant) {
    const onGpu = variant === 'webgpu';
    if (onGpu) await requireHalfPrecision();
    const blob = await (await fetch(url)).blob();
    const startMs = performance.now();
    const engine: Wllama = new Engine(
      { default: `${ESM}wasm/wllama.wasm` },
      { logger: { debug: keep, log: keep, warn: keep, error: keep } },
    );
    wllama = engine;
    await wllama.loadModel([blob], {
      n_ctx: 512,
      n_threads: THREADS[variant] ?? 1,
      n_gpu_layers: onGpu ? 999 : 0,
      n_parallel: 1,
    });
    await complete(1, 1);
    const loadMs = performance.now() - startMs;
    return { backend: whatRan(), loadMs };
  },
  async prefill(count) {
    const { prompt_n, prompt_ms } = await complete(count, 1);
    return { ms: prompt_ms, ids: [], count: prompt_n };
  },
  async decode(context, steps): Promise<Timed> {
    // The first of the predicted tokens comes with the prompt.
    const { predicted_n, predicted_ms } = await complete(context, steps + 1, true);
    return { ms: predicted_ms / (predicted_n - 1), ids: [], count: predicted_n - 1 };
  },
};

/** By where llama.cpp says that it put the weights: what was asked for need not be what it does. */
function whatRan(): string {
  const said = lines.join('\n').matchAll(/load_tensors: +(\S+) model buffer size = +([\d.]+) MiB/g);
  const places = Array.from(said, ([, name, mib]) => ({ name: name!, mib: Number(mib) }));
  const most = places.reduce((a, b) => (b.mib > a.mib ? b : a));
  if (most.name.startsWith('WebGPU')) return `webgpu: llama.cpp, ${most.mib} MiB in ${most.name}`;
  return `cpu: llama.cpp in WASM, ${wllama.isMultithread() ? wllama.getNumThreads() : 1} threads`;
}

/** Its WebGPU backend registers nothing without this and computes on the processor, silently. */
async function requireHalfPrecision(): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter?.features.has('shader-f16')) throw new Error('not run: this adapter has no shader-f16');
}

/** It ends no answer, and says `|` only: random weights also choose bytes that are no text, at which wllama breaks. */
const [END_ID, BAR_ID] = [2, 127];

/** A text of about `count` tokens: two come by themselves, for the beginning and for the space that is put before it. */
async function complete(count: number, maxTokens: number, keepPrompt = false): Promise<Timings> {
  const { timings } = await wllama.createCompletion({
    prompt: '|'.repeat(Math.max(1, count - 2)),
    max_tokens: maxTokens,
    temperature: 0,
    logit_bias: { [END_ID]: -100, [BAR_ID]: 100 },
    cache_prompt: keepPrompt,
  });
  return timings;
}

Object.assign(globalThis, { page });
