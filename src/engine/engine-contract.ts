import { afterAll, beforeAll, describe } from 'vitest';
import { type ContractModel, loadWhole, ODD_MODELS, PLAIN_MODEL } from './contract/contract-models.ts';
import { describeHead } from './contract/head-contract.ts';
import { describeLife } from './contract/life-contract.ts';
import { describeBatches, describeRows } from './contract/rows-contract.ts';
import type { EngineOptions, ShardEngine } from './shard-engine.ts';

const CONTEXT_LENGTH = 200;

/**
 * Declares the tests that every ShardEngine passes, on models so small that a software adapter runs them all in a minute.
 * Called from the test file of an engine, in Node or in a browser.
 */
export function describeEngineContract(name: string, createEngine: (options: EngineOptions) => Promise<ShardEngine>): void {
  describe(`the ${name} engine`, () => {
    describeWith(PLAIN_MODEL, createEngine, (engine) => {
      describeRows(PLAIN_MODEL, engine);
      describeBatches(PLAIN_MODEL, engine);
      describeHead(PLAIN_MODEL, engine);
      describeLife(PLAIN_MODEL, engine, CONTEXT_LENGTH);
    });
    for (const model of ODD_MODELS) describeWith(model, createEngine, (engine) => describeRows(model, engine));
  });
}

/** One engine for all tests of a model: each test leaves it as it found it. */
function describeWith(
  model: ContractModel,
  createEngine: (options: EngineOptions) => Promise<ShardEngine>,
  declareTests: (engine: () => ShardEngine) => void,
): void {
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
