import { beforeAll, describe, expect, test } from 'vitest';
import type { HeadRow } from '../../shared/model/head-row.ts';
import { LayerKv } from '../layer-kv.ts';
import { type ContractModel, ODD_MODELS, PLAIN_MODEL, someTokens } from '../testing/contract-models.ts';
import { expectSameRows, runChunked } from '../testing/contract-runs.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import { type GpuOptions, openGpu } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { reserveKv, SequenceKv } from './kv-cache.ts';
import { withEngine } from './testing/variant-runs.ts';
import { defaultVariant, type KernelVariant } from './variants.ts';

/** Of the WebGPU specification: what every adapter has. */
const DEFAULT_LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16 * 1024,
  maxComputeWorkgroupsPerDimension: 65_535,
};
/** A hundred positions to a binding. */
const POSITION_BYTES = 4 * Math.floor(DEFAULT_LIMITS.maxStorageBufferBindingSize / 400);
const MIXED = ODD_MODELS.find(({ title }) => title.startsWith('Q4_K'))!;

const FORMS: { form: string; variant: KernelVariant }[] = [
  { form: 'barrier-free', variant: defaultVariant(true, 0) },
  { form: 'cooperative', variant: defaultVariant(false, 0) },
];

const MASKED: { title: string; options: GpuOptions }[] = [
  { title: 'the default limits', options: { defaultLimits: true } },
  { title: 'no subgroups', options: { features: [] } },
  { title: 'no optional feature and the default limits', options: { defaultLimits: true, features: [] } },
];

/** Rows in chunks and alone. */
const run = (model: ContractModel, options: GpuOptions) =>
  withEngine(model, options, (engine) => runChunked(engine, model, someTokens(model, 7, 9), 3));

/** The masks one by one on a model that compiles fast, all of them together on a mixed one. */
describe.each([
  { model: PLAIN_MODEL, masks: MASKED.slice(0, -1) },
  { model: MIXED, masks: MASKED.slice(-1) },
])('$model.title', ({ model, masks }) => {
  let expected: HeadRow[];
  beforeAll(async () => {
    expected = await run(model, {});
  });

  test.each(masks.flatMap((mask) => FORMS.map((form) => ({ ...mask, ...form }))))(
    'has the same bits with $title, $form',
    async ({ options, variant }) => expectSameRows(await run(model, { ...options, variant }), expected),
  );
});

describe('a device', () => {
  test('can be asked for with nothing more than every adapter has', async () => {
    const gpu = await openGpu({ defaultLimits: true, features: [] });
    expect(gpu.device.limits).toMatchObject(DEFAULT_LIMITS);
    expect(gpu.device.features.has('subgroups')).toBe(false);
    expect(gpu.subgroupSize).toBe(0);
    gpu.destroy();
  });

  test('is never asked for 16-bit floats, as every kernel does without', async () => {
    const gpu = await openGpu();
    expect(gpu.device.features.has('shader-f16')).toBe(false);
    gpu.destroy();
  });

  test('keeps a sequence for as long as its keys and values fit one binding, and then says how long that is', async () => {
    const gpu = await openGpu({ defaultLimits: true });
    const layer = new LayerKv(() => new SequenceKv());
    const shape = { bytesPerPosition: POSITION_BYTES, contextLength: 4096 };
    const reserve = (positions: number) =>
      reserveKv(gpu, shape, [layer], [{ sequence: 's', start: positions - 1, firstRow: 0, rowCount: 1 }]);
    await reserve(64);
    await reserve(65);
    await reserve(100);
    await expect(reserve(101)).rejects.toMatchObject({ code: 'out-of-memory' });
    gpu.destroy();
  });

  test('refuses what it could hold but kernels could not reach, with the numbers', async () => {
    const gpu = await openGpu({ defaultLimits: true });
    const bytes = DEFAULT_LIMITS.maxStorageBufferBindingSize + 4;
    await expect(createBuffers(gpu, 'a test', { large: { bytes, usage: BUFFER_USAGE.STORAGE } })).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining(String(DEFAULT_LIMITS.maxStorageBufferBindingSize)),
    });
    gpu.destroy();
  });
});
