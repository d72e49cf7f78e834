import { afterAll, beforeAll, describe } from 'vitest';
import { type ContractModel, loadWhole, ODD_MODELS, PLAIN_MODEL } from './contract/contract-models.ts';
import { describeHead } from './contract/head-contract.ts';
import { describeLife } from './contract/life-contract.ts';
import { describeBatches, describeRows } from './contract/rows-contract.ts';
import type { KvRounding } from './reference.ts';
import type { EngineOptions, ShardEngine } from './shard-engine.ts';

export interface ContractOptions {
  /** Which of the odd models the engine runs; the others it refuses. */
  runs?: (model: ContractModel) => boolean;
  /** How the engine rounds keys and values, which the reference then does too. */
  kvRounding?: KvRounding;
  /** Large forwards of several sequences, which take minutes where a row takes a tenth of a second. */
  batches?: boolean;
  /** Of every engine that the tests open, tokens. */
  contextLength?: number;
}

type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

/**
 * Declares the tests that every ShardEngine passes, on models so small that a software adapter runs them all in a minute.
 * Called from the test file of an engine, in Node or in a browser.
 */
export function describeEngineContract(
  name: string,
  createEngine: CreateEngine,
  { runs = () => true, kvRounding = 'integers', batches = true, contextLength = 200 }: ContractOptions = {},
): void {
  describe(`the ${name} engine`, () => {
    describeWith(PLAIN_MODEL, contextLength, createEngine, (engine) => {
      describeRows(PLAIN_MODEL, engine, kvRounding);
      if (batches) describeBatches(PLAIN_MODEL, engine);
      describeHead(PLAIN_MODEL, engine);
      describeLife(PLAIN_MODEL, engine, contextLength);
    });
    for (const model of ODD_MODELS.filter(runs))
      describeWith(model, contextLength, createEngine, (engine) => describeRows(model, engine, kvRounding));
  });
}

/** One engine for all tests of a model: each test leaves it as it found it. */
function describeWith(
  model: ContractModel,
  contextLength: number,
  createEngine: CreateEngine,
  declareTests: (engine: () => ShardEngine) => void,
): void {
  describe(model.title, () => {
    let engine: ShardEngine;
    beforeAll(async () => {
      engine = await createEngine({ spec: model.spec, contextLength });
      await loadWhole(engine, model);
    });
    afterAll(() => engine.destroy());
    declareTests(() => engine);
  });
}
