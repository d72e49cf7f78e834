import { afterAll, describe, expect, test } from 'vitest';
import { type KeptValues, keptIn } from '../kept-values.ts';
import { PLAIN_MODEL } from '../testing/contract-models.ts';
import { openGpu } from './gpu-context.ts';
import { ProductBench } from './product-bench.ts';
import { attentionMs } from './rows-bench.ts';
import { type TuningShape, tunedVariant } from './tuning.ts';
import { candidates, defaultVariant, type KernelVariant } from './variants.ts';

const SPEC = { ...PLAIN_MODEL.spec, dim: 256, ffnDim: 352 };
const SHAPE: TuningShape = { type: 'Q4_0', spec: SPEC };
const gpu = await openGpu();
afterAll(() => gpu.destroy());
const now = () => performance.now();

function memoryStore() {
  const kept = new Map<string, string>();
  const store: KeptValues = { get: async (key) => kept.get(key) ?? null, put: async (key, value) => void kept.set(key, value) };
  return { kept, store };
}

describe('tuning', () => {
  test('takes a variant that the device can run, and the same one again without measuring', async () => {
    const { kept, store } = memoryStore();
    const variant = await tunedVariant(gpu, SHAPE, { budgetMs: 1000, now, store });
    const { one, many } = candidates(gpu);
    expect(one).toContainEqual(variant.one);
    expect(many).toContainEqual(variant.many);
    expect(kept.size).toBe(1);
    const clockless = () => expect.fail('it was measured again');
    expect(await tunedVariant(gpu, SHAPE, { budgetMs: 1000, now: clockless, store })).toEqual(variant);
  });

  test('tries the forms with barriers on a graphics processor', async () => {
    const { kept, store } = memoryStore();
    const card = { ...gpu, isFallbackAdapter: false };
    const variant = await tunedVariant(card, SHAPE, { budgetMs: 500, now, store });
    const { one, many, rows } = candidates(card);
    expect(one).toContainEqual(variant.one);
    expect(many).toContainEqual(variant.many);
    expect(rows).toContain(variant.rows);
    expect([...kept.values()]).toEqual([expect.stringMatching(/^{"one":\d,"many":\d,"rows":\d}$/)]);
  });

  test('measures again for another shape, another format and what it cannot read', async () => {
    const { kept, store } = memoryStore();
    const options = { budgetMs: 0, now, store };
    await tunedVariant(gpu, SHAPE, options);
    const [key] = kept.keys();
    kept.set(key!, '{"one":99,"many":"x"}');
    await tunedVariant(gpu, SHAPE, options);
    expect(kept.get(key!)).toBe('{"one":0,"many":0,"rows":0}');
    await tunedVariant(gpu, { ...SHAPE, spec: { ...SPEC, dim: 128 } }, options);
    await tunedVariant(gpu, { ...SHAPE, type: 'Q8_0' }, options);
    expect(kept.size).toBe(3);
  });

  test('without time takes the default of the adapter', async () => {
    const { store } = memoryStore();
    expect(await tunedVariant(gpu, SHAPE, { budgetMs: 0, now, store })).toEqual(
      defaultVariant(gpu.isFallbackAdapter, gpu.subgroupSize),
    );
  });

  test('takes the time of attention in both forms', async () => {
    for (const rows of ['serial', 'cooperative'] as const) {
      expect(await attentionMs({ ...gpu, variant: { ...gpu.variant, rows } }, SPEC, now), rows).toBeGreaterThan(0);
    }
  });

  test('never takes a variant that gives other bits', async () => {
    const bench = await ProductBench.create(gpu, { type: 'Q4_0', rows: 64, columns: 512, maxTokens: 1 }, now);
    const right = defaultVariant(true, 0);
    // Neighbours of eight threads are out of reach in a subgroup of fewer: some lanes are missing in the sums.
    expect(gpu.subgroupSize).toBeLessThan(8);
    const wrong: KernelVariant = {
      ...right,
      one: { form: 'cooperative', threadsPerRow: 8, rows: 1, threads: 64, join: 'subgroup' },
    };
    expect(await bench.fastest([wrong, right], 1, now() + 10_000)).toBe(1);
    bench.destroy();
  });
});

test('the browser keeps what tuning found', async () => {
  const key = `a key with / and ? ${Math.random()}`;
  expect(await keptIn('tuning').get(key)).toBeNull();
  await keptIn('tuning').put(key, '{"one":1}');
  expect(await keptIn('tuning').get(key)).toBe('{"one":1}');
});
