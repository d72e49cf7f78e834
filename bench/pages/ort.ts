import type * as Ort from 'onnxruntime-web/webgpu';
import { type HeadTensors, type LayerTensors, llamaGraph, VALUES } from '../../src/engine/onnx/llama-graph.ts';
import { encodeModel } from '../../src/engine/onnx/onnx-model.ts';
import { ropeTables } from '../../src/engine/onnx/rope-tables.ts';
import { BUFFER_USAGE } from '../../src/engine/webgpu/gpu-constants.ts';
import { type ByteSource, memorySource } from '../../src/gguf/byte-source.ts';
import { readGgufHeader } from '../../src/gguf/header.ts';
import { llamaSpec } from '../../src/gguf/llama-spec.ts';
import { dequantize, rowBytes } from '../../src/gguf/quant.ts';
import { embeddingTensors, headTensors, layerTensors, type TensorSlice } from '../../src/gguf/shard-bytes.ts';
import type { WeightTensor } from '../../src/gguf/weight-tensor.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';
import { type Contestant, median, promptIds } from '../engine/contestant.ts';

/**
 * The strongest honest way to run a whole model with onnxruntime-web on WebGPU: one session over all layers and the head,
 * its own fused operators on packed weights, keys and values in GPU buffers that never leave the device, logits of one row.
 */
const DIST = '/bench/node_modules/onnxruntime-web/dist/';
const CAPACITY = 512;
const FILL_TOKENS = 128;

const ort: typeof Ort = await import(/* @vite-ignore */ `${DIST}ort.webgpu.bundle.min.mjs`);
ort.env.wasm.wasmPaths = DIST;
ort.env.logLevel = 'error';

let session: Ort.InferenceSession;
let spec: ModelSpec;
let embedding: WeightTensor;
let keysAndValues: Record<string, Ort.Tensor>;
/** Positions that hold the keys and values of the prompt. */
let filled = 0;

const page: Contestant = {
  async load(url) {
    const source = memorySource(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    const startMs = performance.now();
    const header = await readGgufHeader(source);
    spec = llamaSpec(header);
    const layers: LayerTensors[] = [];
    for (let layer = 0; layer < spec.nLayers; layer++) layers.push(await readAll(source, layerTensors(header, layer)));
    ({ token_embd: embedding } = await readAll<{ token_embd: WeightTensor }>(source, embeddingTensors(header)));
    const head: HeadTensors = await readAll(source, headTensors(header));
    const model = encodeModel(llamaGraph(spec, ropeTables(spec, CAPACITY), layers, head));
    session = await ort.InferenceSession.create(model, {
      executionProviders: [{ name: 'webgpu' }],
      // A node that would run on the processor makes this fail instead.
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    });
    const device = await ort.env.webgpu.device;
    keysAndValues = openCache(device);
    await forward(promptIds(1), 0);
    const loadMs = performance.now() - startMs;
    const { vendor, architecture } = device.adapterInfo;
    return { backend: `webgpu: ${vendor} ${architecture}, every node (onnxruntime-web ${ort.env.versions.web})`, loadMs };
  },
  async prefill(count) {
    const startMs = performance.now();
    const id = await forward(promptIds(count), 0);
    return { ms: performance.now() - startMs, ids: [id], count };
  },
  async decode(context, steps) {
    const prompt = promptIds(CAPACITY);
    for (; filled < context; filled += FILL_TOKENS) await forward(prompt.slice(filled, filled + FILL_TOKENS), filled);
    let id = prompt[context]!;
    const ids: number[] = [];
    const samplesMs: number[] = [];
    for (let i = 0; i < steps; i++) {
      const startMs = performance.now();
      id = await forward([id], context + i);
      samplesMs.push(performance.now() - startMs);
      ids.push(id);
    }
    // What the steps wrote over, so that the next measurement finds the prompt again.
    await forward(prompt.slice(context, context + steps), context);
    return { ms: median(samplesMs), ids, count: steps };
  },
};

/** A buffer for the keys and one for the values of each layer, bound both as what was and as what will be. */
function openCache(device: GPUDevice): Record<string, Ort.Tensor> {
  const dims = [1, spec.nKvHeads, CAPACITY, spec.headDim];
  const size = 4 * dims.reduce((product, dim) => product * dim, 1);
  const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST;
  const open = () => ort.Tensor.fromGpuBuffer(device.createBuffer({ size, usage }), { dataType: 'float32', dims });
  const cache: Record<string, Ort.Tensor> = {};
  for (let layer = 0; layer < spec.nLayers; layer++) {
    cache[VALUES.pastKey(layer)] = cache[VALUES.presentKey(layer)] = open();
    cache[VALUES.pastValue(layer)] = cache[VALUES.presentValue(layer)] = open();
  }
  return cache;
}

async function forward(ids: readonly number[], start: number): Promise<number> {
  const end = start + ids.length;
  const int32 = (value: number) => new ort.Tensor('int32', Int32Array.of(value), [1]);
  const feeds: Record<string, Ort.Tensor> = {
    [VALUES.input]: new ort.Tensor('float32', embed(ids), [1, ids.length, spec.dim]),
    [VALUES.lastPosition]: int32(end - 1),
    [VALUES.totalLength]: int32(end),
    [VALUES.headRows]: int32(ids.length - 1),
  };
  const fetches: Record<string, Ort.Tensor | null> = { [VALUES.logits]: null };
  for (const [name, tensor] of Object.entries(keysAndValues)) (name.startsWith('past') ? feeds : fetches)[name] = tensor;
  const results = await session.run(feeds, fetches);
  const logits = (await results[VALUES.logits]!.getData()) as Float32Array;
  return logits.reduce((best, logit, id) => (logit > logits[best]! ? id : best), 0);
}

/** (ids, dim) */
function embed(ids: readonly number[]): Float32Array {
  const { dim } = spec;
  const values = new Float32Array(ids.length * dim);
  const bytesPerRow = rowBytes(embedding.type, dim);
  for (const [i, id] of ids.entries())
    dequantize(embedding.type, embedding.bytes, id * bytesPerRow, dim, values.subarray(i * dim));
  return values;
}

async function readAll<T>(source: ByteSource, slices: readonly TensorSlice[]): Promise<T> {
  const tensors: Record<string, WeightTensor> = {};
  for (const { start, end, ...tensor } of slices) tensors[tensor.role] = { ...tensor, bytes: await source.read(start, end) };
  return tensors as T;
}

Object.assign(globalThis, { page });
