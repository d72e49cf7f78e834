import { beforeAll, describe, test } from 'vitest';
import type { HeadRow } from '../../shared/model/head-row.ts';
import { uniformTypes } from '../tensor-shape.ts';
import { type ContractModel, ODD_MODELS, PLAIN_MODEL, someTokens } from '../testing/contract-models.ts';
import { expectSameRows, runChunked } from '../testing/contract-runs.ts';
import { type GpuOptions, openGpu } from './gpu-context.ts';
import { withEngine } from './testing/variant-runs.ts';
import { defaultVariant, isUsable, type KernelVariant, MANY_TOKENS, ONE_TOKEN } from './variants.ts';

const device = await openGpu();
const ones = ONE_TOKEN.filter((one) => isUsable(one, device.subgroupSize));
const manies = MANY_TOKENS.filter((many) => isUsable(many, device.subgroupSize));
device.destroy();

const SERIAL = defaultVariant(true, 0);
/** Many blocks to a row, and no round number of them. */
const LONG_ROWS = ODD_MODELS[1]!;
const TOKENS = someTokens(LONG_ROWS, 37, 3);
const named = <V extends object>(all: readonly V[]) => all.map((tile) => ({ tile, title: Object.values(tile).join(' ') }));

/** Rows one at a time, through the kernels for one token. */
const oneByOne = (model: ContractModel, options: GpuOptions) =>
  withEngine(model, options, (engine) => runChunked(engine, model, someTokens(model, 7, 3), 1));

/** Most rows through the kernels for several tokens, the last two alone. */
const together = (options: GpuOptions) =>
  withEngine(LONG_ROWS, options, (engine) => runChunked(engine, LONG_ROWS, TOKENS, TOKENS.length - 2));

describe('every way to run a model on WebGPU gives the same bits', () => {
  let expected: HeadRow[];
  beforeAll(async () => {
    expected = await together({ variant: SERIAL });
  });

  test.each(named(ones))('one token, gate and up in one kernel: $title', async ({ tile }) => {
    const actual = await oneByOne(LONG_ROWS, { variant: { ...SERIAL, one: tile }, fusesGate: true });
    expectSameRows(actual, expected.slice(0, actual.length));
  });

  test.each(named(manies))('many tokens, gate and up in one kernel: $title', async ({ tile }) => {
    expectSameRows(await together({ variant: { ...SERIAL, many: tile }, fusesGate: true }), expected);
  });

  test.each([PLAIN_MODEL, ...ODD_MODELS].map((model, i) => ({ model, one: ones[i % ones.length]! })))(
    'other forms, matrices split over small buffers, folded grids: $model.title',
    async ({ model, one }) => {
      const tokens = someTokens(model, 7, 3);
      const many = { form: 'staged', rows: 2, tokens: 2, tokenGroups: 2 } as const;
      const variant: KernelVariant = { one, many, rows: 'cooperative' };
      const actual = await withEngine(model, { variant, maxWeightBufferBytes: 4096, maxGroupsPerSide: 3 }, (engine) =>
        runChunked(engine, model, tokens, 3),
      );
      expectSameRows(actual, await oneByOne(model, { variant: SERIAL }));
    },
  );

  /** A workgroup takes 256 positions or 1024 values of a row at a time. */
  test.each([
    { dim: 64, headDim: 128, count: 290 },
    { dim: 1088, headDim: 80, count: 40 },
  ])('workgroups for norms of $dim values and for attention, $count positions, heads of $headDim', async (shape) => {
    const { dim, headDim, count } = shape;
    const spec = { ...PLAIN_MODEL.spec, dim, nLayers: 1, nHeads: 2, nKvHeads: 1, headDim, ropeDim: headDim };
    const model: ContractModel = { ...PLAIN_MODEL, spec, types: uniformTypes('F32') };
    const run = (variant: KernelVariant) =>
      withEngine(model, { variant }, (engine) => runChunked(engine, model, someTokens(model, count, 5), 64), count);
    expectSameRows(await run({ ...SERIAL, rows: 'cooperative' }), await run(SERIAL));
  });
});
