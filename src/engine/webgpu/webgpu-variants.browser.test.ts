import { beforeAll, describe, test } from 'vitest';
import { ODD_MODELS, PLAIN_MODEL } from '../contract/contract-models.ts';
import { expectSameRows } from '../contract/contract-runs.ts';
import type { HeadRow } from '../shard-engine.ts';
import { openGpu } from './gpu-context.ts';
import { oneByOne } from './variant-runs.test-helper.ts';
import { defaultVariant, isUsable, ONE_TOKEN } from './variants.ts';

const device = await openGpu();
const others = ONE_TOKEN.slice(1).filter((one) => isUsable(one, device.subgroupSize));
device.destroy();

const SERIAL = defaultVariant(true);
/** Many blocks to a row, and no round number of them. */
const LONG_ROWS = ODD_MODELS[1]!;

describe('every way to run a model on WebGPU gives the same bits', () => {
  let expected: HeadRow[];
  beforeAll(async () => {
    expected = await oneByOne(LONG_ROWS, { variant: SERIAL });
  });

  test.each(others.map((one) => ({ one, title: Object.values(one).join(' ') })))('one token: $title', async ({ one }) => {
    expectSameRows(await oneByOne(LONG_ROWS, { variant: { ...SERIAL, one } }), expected);
  });

  test.each([PLAIN_MODEL, ...ODD_MODELS].map((model, i) => ({ model, one: others[i % others.length]! })))(
    'another form, matrices split over small buffers, folded grids: $model.title',
    async ({ model, one }) => {
      expectSameRows(
        await oneByOne(model, { variant: { ...SERIAL, one }, maxWeightBufferBytes: 4096, maxGroupsPerSide: 3 }),
        await oneByOne(model, { variant: SERIAL }),
      );
    },
  );
});
