import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KvRounding } from '../reference.ts';
import type { EngineOptions, ShardEngine } from '../shard-engine.ts';
import { type ContractModel, layerTensors, loadWhole, ODD_MODELS, PLAIN_MODEL, WIDE_MODEL } from './contract-models.ts';
import { type RowComparison, SAME_BITS } from './contract-runs.ts';
import { describeHead } from './head-contract.ts';
import { describeKvGrowth } from './kv-contract.ts';
import { describeLife } from './life-contract.ts';
import { describeBatches, describeRows } from './rows-contract.ts';

export interface ContractOptions {
  /** Which of the odd models the engine runs; the others it refuses. */
  runs?: (model: ContractModel) => boolean;
  /** How the engine rounds keys and values, which the reference then does too. */
  kvRounding?: KvRounding;
  /** How alike the same row must be in different company. */
  same?: RowComparison;
}

type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

/** Of every engine that the tests open, tokens. */
const CONTEXT_LENGTH = 200;

/**
 * Declares the tests that every ShardEngine passes, on models so small that a software adapter runs them all in a minute.
 * Called from the test file of an engine, in Node or in a browser.
 */
export function describeEngineContract(
  name: string,
  createEngine: CreateEngine,
  { runs = () => true, kvRounding = 'integers', same = SAME_BITS }: ContractOptions = {},
): void {
  describe(`the ${name} engine`, () => {
    describeWith(PLAIN_MODEL, createEngine, (engine) => {
      describeRows(PLAIN_MODEL, engine, { kvRounding, same });
      describeBatches(PLAIN_MODEL, engine, same);
      describeLife(PLAIN_MODEL, engine, { contextLength: CONTEXT_LENGTH, same });
      if (kvRounding !== 'none') describeKvGrowth(PLAIN_MODEL, engine, CONTEXT_LENGTH);
    });
    describeWith(WIDE_MODEL, createEngine, (engine) => describeHead(WIDE_MODEL, engine, same));
    describeEnd(PLAIN_MODEL, createEngine);
    for (const model of ODD_MODELS.filter(runs))
      describeWith(model, createEngine, (engine) => describeRows(model, engine, { kvRounding, same }));
    for (const model of ODD_MODELS.filter((one) => !runs(one))) describeRefusal(model, createEngine);
  });
}

/** A device may leave while its layers are still arriving. */
function describeEnd(model: ContractModel, createEngine: CreateEngine): void {
  test('what arrives after the engine was destroyed is refused and kept nowhere', async () => {
    const engine = await createEngine({ spec: model.spec, contextLength: CONTEXT_LENGTH });
    const loading = expect(engine.loadLayer(0, layerTensors(model, 0))).rejects.toMatchObject({ code: 'device-lost' });
    engine.destroy();
    await loading;
    expect(engine.memory()).toEqual({ weightBytes: 0, kvBytes: 0 });
  });
}

/** What an engine can't run it refuses with the reason, before or while it loads. */
function describeRefusal(model: ContractModel, createEngine: CreateEngine): void {
  test(`${model.title}: is refused`, async () => {
    await expect(loadAndDestroy(model, createEngine)).rejects.toMatchObject({
      name: 'AppError',
      code: expect.stringMatching(/^(quantisation-unsupported|model-malformed)$/),
    });
  });
}

async function loadAndDestroy(model: ContractModel, createEngine: CreateEngine): Promise<void> {
  const engine = await createEngine({ spec: model.spec, contextLength: CONTEXT_LENGTH });
  try {
    await loadWhole(engine, model);
  } finally {
    engine.destroy();
  }
}

/** One engine for all tests of a model: each test leaves it as it found it. */
function describeWith(model: ContractModel, createEngine: CreateEngine, declareTests: (engine: () => ShardEngine) => void): void {
  describe(model.title, () => {
    let engine: ShardEngine;
    beforeAll(async () => {
      engine = await createEngine({ spec: model.spec, contextLength: CONTEXT_LENGTH });
      await loadWhole(engine, model);
    });
    afterAll(() => engine.destroy());
    declareTests(() => engine);
  });
}
