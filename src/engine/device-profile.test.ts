import { expect, test } from 'vitest';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { createCpuEngine } from './cpu/cpu-engine.ts';
import { measureDevice } from './device-profile.ts';
import type { EngineOptions, ForwardRequest, ShardEngine } from './shard-engine.ts';
import { uniformTypes } from './tensor-shape.ts';
import { PLAIN_MODEL } from './testing/contract-models.ts';

/** Milliseconds that a made-up device takes, on a clock that only its forwards move. */
interface Pace {
  overheadMs: number;
  layerMs: number;
  prefillMsPerToken: number;
  headMsPerId: number;
}

function pacedDevice(pace: Pace) {
  let clockMs = 0;
  const seen = { forwards: 0, rows: 0, vocabSize: 0, nLayers: 0, destroyed: false };
  const forward = async ({ rows, layers, head }: ForwardRequest) => {
    const layerCount = layers.endLayer - layers.startLayer;
    const rowMs = rows.length === 1 ? pace.layerMs : pace.prefillMsPerToken;
    clockMs += pace.overheadMs + layerCount * rows.length * rowMs + (head ? seen.vocabSize * pace.headMsPerId : 0);
    seen.forwards++;
    seen.rows = Math.max(seen.rows, rows.length);
    return { hidden: null, head: [] };
  };
  const drain = async (tensors: AsyncIterable<unknown>) => {
    for await (const _ of tensors);
  };
  const createEngine = async ({ spec }: EngineOptions): Promise<ShardEngine> => {
    Object.assign(seen, { vocabSize: spec.vocabSize, nLayers: spec.nLayers });
    return {
      kind: 'webgpu',
      adapter: 'made up',
      variant: 'in one way',
      loadLayer: (_, tensors) => drain(tensors),
      loadHead: drain,
      loadEmbedding: drain,
      unloadLayer: () => {},
      unloadHead: () => {},
      unloadEmbedding: () => {},
      forward,
      truncate: () => {},
      freeSequence: () => {},
      memory: () => ({ weightBytes: 0, kvBytes: 0 }),
      lost: new Promise(() => {}),
      destroy: () => {
        seen.destroyed = true;
      },
    };
  };
  return { createEngine, now: () => clockMs, clockMs: () => clockMs, seen };
}

const SPEC: ModelSpec = { ...PLAIN_MODEL.spec, nLayers: 8 };
const LARGE: ModelSpec = { ...SPEC, dim: 1024, nHeads: 16, headDim: 64, nKvHeads: 16, ffnDim: 8192, vocabSize: 32_000 };
const FAST: Pace = { overheadMs: 2, layerMs: 0.5, prefillMsPerToken: 0.125, headMsPerId: 1 / 1024 };

test('tells the cost of a layer from the cost of a forward', async () => {
  const device = pacedDevice(FAST);
  const profile = await measureDevice(device.createEngine, SPEC, uniformTypes('Q4_0'), { budgetMs: 1000, now: device.now });
  expect(profile).toMatchObject({ engine: 'webgpu', adapter: 'made up', variant: 'in one way' });
  expect(profile.decodeLayerMs).toBeCloseTo(0.5, 9);
  expect(profile.forwardOverheadMs).toBeCloseTo(2, 9);
  expect(profile.prefillLayerMsPerToken).toBeCloseTo(0.125, 9);
  expect(profile.headMs).toBeCloseTo(131 / 1024, 9);
  expect(device.clockMs()).toBeLessThan(1000);
  expect(device.seen.destroyed).toBe(true);
});

test('a device that is held back a third of the time is that much slower in all, and layers stay layers', async () => {
  const device = pacedDevice(FAST);
  let turn = 0;
  const held = async (options: EngineOptions) => {
    const engine = await device.createEngine(options);
    const forward = async (request: ForwardRequest) => {
      if (Math.floor(turn++ / 2) % 3 === 0) await engine.forward(request);
      return engine.forward(request);
    };
    return { ...engine, forward };
  };
  const profile = await measureDevice(held, SPEC, uniformTypes('Q4_0'), { budgetMs: 1000, now: device.now });
  const slower = profile.decodeLayerMs / FAST.layerMs;
  expect(slower).toBeGreaterThan(1.2);
  expect(slower).toBeLessThan(1.4);
  expect(profile.forwardOverheadMs / FAST.overheadMs).toBeCloseTo(slower, 9);
});

test('measures one layer and part of the head of a large model, and scales the head up', async () => {
  const device = pacedDevice(FAST);
  const profile = await measureDevice(device.createEngine, LARGE, uniformTypes('F16'), { budgetMs: 1000, now: device.now });
  expect(device.seen.nLayers).toBe(1);
  expect(device.seen.vocabSize).toBe(8192);
  expect(profile.decodeLayerMs).toBeCloseTo(0.5, 9);
  expect(profile.forwardOverheadMs).toBeCloseTo(2, 9);
  expect(profile.headMs).toBeCloseTo(32_000 / 1024, 9);
});

test('stops early on a slow device instead of measuring long', async () => {
  const device = pacedDevice({ overheadMs: 10, layerMs: 300, prefillMsPerToken: 300, headMsPerId: 0.1 });
  const profile = await measureDevice(device.createEngine, LARGE, uniformTypes('F16'), { budgetMs: 1000, now: device.now });
  expect(profile.decodeLayerMs).toBeCloseTo(300, 9);
  expect(profile.prefillLayerMsPerToken).toBeCloseTo(300, 9);
  expect(device.seen.forwards).toBeLessThan(12);
});

test('destroys the engine also when a forward fails', async () => {
  const device = pacedDevice(FAST);
  const failing = async (options: EngineOptions) => ({
    ...(await device.createEngine(options)),
    forward: () => Promise.reject(new Error('lost')),
  });
  const measuring = measureDevice(failing, SPEC, uniformTypes('Q8_0'), { budgetMs: 1000, now: device.now });
  await expect(measuring).rejects.toThrow('lost');
  expect(device.seen.destroyed).toBe(true);
});

test('gives positive times for a real engine', async () => {
  const options = { budgetMs: 100, now: () => performance.now() };
  const profile = await measureDevice(createCpuEngine, SPEC, uniformTypes('Q8_0'), options);
  expect(profile.engine).toBe('cpu');
  expect(profile.decodeLayerMs).toBeGreaterThan(0);
  expect(profile.prefillLayerMsPerToken).toBeGreaterThan(0);
  expect(profile.headMs).toBeGreaterThanOrEqual(0);
});
