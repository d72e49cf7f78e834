import { describe, expect, test } from 'vitest';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { createCpuEngine } from '../cpu/cpu-engine.ts';
import { askRows, type ShardEngine } from '../shard-engine.ts';
import {
  type ContractModel,
  embeddingTensors,
  headTensors,
  layerTensors,
  loadWhole,
  PLAIN_MODEL,
} from '../testing/contract-models.ts';
import { expectSameRows, largestDifference, runChunked, runWhole, wholeModel } from '../testing/contract-runs.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import { type GpuContext, openGpu, webGpuAdapterInfo } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { CONTEXT_LENGTH, oneByOne, tokensOf, withEngine } from './testing/variant-runs.ts';
import { createWebGpuEngine } from './webgpu-engine.ts';

describe('weights on WebGPU', () => {
  test('may differ in format within a layer', async () => {
    const model: ContractModel = { ...PLAIN_MODEL, types: { ...PLAIN_MODEL.types, attn_k: 'F16', ffn_gate: 'Q4_0' } };
    const cpu = await createCpuEngine({ spec: model.spec, contextLength: CONTEXT_LENGTH });
    await loadWhole(cpu, model);
    const expected = await runWhole(cpu, model, [{ sequence: 's', start: 0, tokens: tokensOf(model) }]);
    const actual = await withEngine(model, {}, (engine) => runChunked(engine, model, tokensOf(model), 5));
    for (const [row, { logits }] of actual.entries()) {
      expect(largestDifference(logits!, expected[row]!.logits!), `row ${row}`).toBeLessThan(1e-2);
    }
  });

  test('of mixed formats take no more memory than in the file, but for the alignment of their scales', async () => {
    const types = { ...PLAIN_MODEL.types, attn_v: 'F16', ffn_up: 'Q4_1' } as const;
    const model: ContractModel = { ...PLAIN_MODEL, types };
    const weightBytes = await withEngine(model, {}, async (engine) => engine.memory().weightBytes);
    const fileBytes = await bytesOf(
      [0, 1, 2].map((layer) => layerTensors(model, layer)).concat(headTensors(model), embeddingTensors(model)),
    );
    // Seven buffers of scaled blocks in a layer, one for the head and one for the embedding.
    expect(weightBytes - fileBytes).toBeLessThan(256 * (3 * 7 + 2));
  });

  test('may arrive in any order', async () => {
    const expected = await oneByOne(PLAIN_MODEL, {});
    const actual = await withEngine(PLAIN_MODEL, {}, async (engine) => {
      await engine.loadLayer(1, backwards(layerTensors(PLAIN_MODEL, 1)));
      return runChunked(engine, PLAIN_MODEL, tokensOf(PLAIN_MODEL), 1);
    });
    expectSameRows(actual, expected);
  });
});

describe('the head on WebGPU', () => {
  test('sorts the whole row when so many logits are equal that they do not fit', async () => {
    const spec = { ...PLAIN_MODEL.spec, vocabSize: 1100 };
    const model = { ...PLAIN_MODEL, spec };
    await withEngine(model, {}, async (engine) => {
      await engine.loadHead(allRowsLikeFirst(headTensors(model)));
      const rows = [0, 1, 2].map((position) => ({ sequence: 's', position }));
      const { head } = await engine.forward({
        rows,
        input: { tokens: Uint32Array.of(1, 2, 3) },
        layers: wholeModel(model),
        head: askRows([0, 2], { wantIds: Uint32Array.of(1099) }),
      });
      for (const { topIds, topLogits, wantLogits, logits } of head) {
        expect(Array.from(topIds)).toEqual(Array.from({ length: 128 }, (_, i) => i));
        expect(new Set(topLogits)).toEqual(new Set(wantLogits));
        expect(logits).toBeNull();
      }
    });
  });
});

describe('the WebGPU device', () => {
  test('is named', async () => {
    const { available, description } = await webGpuAdapterInfo();
    expect(available).toBe(true);
    expect(description).toMatch(/WebGPU/);
  });

  test('says that it is out of memory, with what was asked', async () => {
    const gpu = await openGpu();
    const bytes = 2 * gpu.device.limits.maxBufferSize;
    await expect(createBuffers(gpu, 'a test', { huge: { bytes, usage: BUFFER_USAGE.STORAGE } })).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining(String(bytes)),
    });
    gpu.destroy();
  });

  test('that is lost fails what is under way and what comes, and is reported once', async () => {
    const { gpu, engine } = await loaded();
    const running = run(engine);
    const waiting = run(engine);
    gpu.device.destroy();
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    await expect(waiting).rejects.toMatchObject({ code: 'device-lost' });
    expect(await engine.lost).toMatchObject({ code: 'device-lost' });
    await expect(run(engine)).rejects.toMatchObject({ code: 'device-lost' });
    await expect(engine.loadEmbedding(embeddingTensors(PLAIN_MODEL))).rejects.toMatchObject({ code: 'device-lost' });
    engine.destroy();
  });

  test('a destroyed engine refuses work, frees its memory and leaves a shared device alone', async () => {
    const { gpu, engine } = await loaded();
    const running = run(engine);
    engine.destroy();
    await running.catch((thrown) => expect(thrown).toMatchObject({ name: 'AppError' }));
    await expect(run(engine)).rejects.toMatchObject({ code: 'device-lost' });
    expect(engine.memory()).toEqual({ weightBytes: 0, kvBytes: 0 });
    const next = await createWebGpuEngine({ spec: PLAIN_MODEL.spec, contextLength: CONTEXT_LENGTH }, gpu);
    await loadWhole(next, PLAIN_MODEL);
    expect((await run(next)).head.length).toBe(1);
    gpu.destroy();
  });

  test('of an engine’s own is closed with it at once, and what runs on it ends', async () => {
    const engine = await createWebGpuEngine({ spec: PLAIN_MODEL.spec, contextLength: CONTEXT_LENGTH });
    await loadWhole(engine, PLAIN_MODEL);
    const running = run(engine);
    // It waits for room on the device by now.
    await Promise.resolve();
    engine.destroy();
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    await expect(run(engine)).rejects.toMatchObject({ code: 'device-lost' });
    expect(engine.memory()).toEqual({ weightBytes: 0, kvBytes: 0 });
  });

  test('gets back every byte of a layer, of the head and of a sequence at once when they go', async () => {
    const gpu = await openGpu();
    const heldBytes = countBuffers(gpu.device);
    const engine = await createWebGpuEngine({ spec: PLAIN_MODEL.spec, contextLength: CONTEXT_LENGTH }, gpu);
    await loadWhole(engine, PLAIN_MODEL);
    await run(engine);
    for (const layer of [0, 1, 2]) engine.unloadLayer(layer);
    engine.unloadHead();
    engine.unloadEmbedding();
    // What a first forward makes for reading back stays, and is made once.
    const emptyBytes = heldBytes();
    await loadWhole(engine, PLAIN_MODEL);
    await run(engine);
    const beforeBytes = heldBytes();
    const before = engine.memory();
    expect(beforeBytes - emptyBytes).toBeGreaterThanOrEqual(before.weightBytes + before.kvBytes);
    engine.unloadLayer(1);
    const layerBytes = before.weightBytes - engine.memory().weightBytes + before.kvBytes - engine.memory().kvBytes;
    expect(layerBytes).toBeGreaterThan(0);
    expect(beforeBytes - heldBytes()).toBeGreaterThanOrEqual(layerBytes);
    for (const layer of [0, 2]) engine.unloadLayer(layer);
    engine.unloadHead();
    engine.unloadEmbedding();
    expect(heldBytes()).toBe(emptyBytes);
    engine.destroy();
    expect(heldBytes()).toBe(0);
    gpu.destroy();
  });

  test('a command that is not valid fails the forward instead of passing in silence', async () => {
    const { gpu, engine } = await loaded();
    gpu.device.createBuffer({ size: 4, usage: BUFFER_USAGE.MAP_READ | BUFFER_USAGE.STORAGE });
    await expect(run(engine)).rejects.toMatchObject({ code: 'internal' });
    gpu.destroy();
  });
});

async function loaded(): Promise<{ gpu: GpuContext; engine: ShardEngine }> {
  const gpu = await openGpu();
  const engine = await createWebGpuEngine({ spec: PLAIN_MODEL.spec, contextLength: CONTEXT_LENGTH }, gpu);
  await loadWhole(engine, PLAIN_MODEL);
  return { gpu, engine };
}

/** Tells how many bytes of buffers there are that were made from now on and not destroyed. */
function countBuffers(device: GPUDevice): () => number {
  const living = new Set<GPUBuffer>();
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const { destroy } = buffer;
    living.add(buffer);
    buffer.destroy = () => {
      living.delete(buffer);
      return destroy.call(buffer);
    };
    return buffer;
  };
  return () => Array.from(living, ({ size }) => size).reduce((sum, size) => sum + size, 0);
}

let sequences = 0;
function run(engine: ShardEngine) {
  return engine.forward({
    rows: [{ sequence: `s${sequences++}`, position: 0 }],
    input: { tokens: Uint32Array.of(1) },
    layers: wholeModel(PLAIN_MODEL),
    head: askRows([0]),
  });
}

async function bytesOf(parts: readonly AsyncIterable<WeightTensor>[]): Promise<number> {
  let sum = 0;
  for (const part of parts) for await (const { bytes } of part) sum += bytes.length;
  return sum;
}

async function* backwards(tensors: AsyncIterable<WeightTensor>): AsyncGenerator<WeightTensor> {
  const all: WeightTensor[] = [];
  for await (const tensor of tensors) all.push(tensor);
  yield* all.reverse();
}

async function* allRowsLikeFirst(tensors: AsyncIterable<WeightTensor>): AsyncGenerator<WeightTensor> {
  for await (const tensor of tensors) {
    const bytesPerRow = tensor.bytes.length / tensor.rows;
    for (let row = 1; row < tensor.rows; row++) tensor.bytes.copyWithin(row * bytesPerRow, 0, bytesPerRow);
    yield tensor;
  }
}
