import type { Page } from 'playwright';
import type { EngineOptions, ShardEngine } from '../../src/engine/shard-engine.ts';
import { continueGreedily, loadWholeModel } from '../../src/engine/whole-model.ts';
import type { ByteSource } from '../../src/gguf/byte-source.ts';
import type { AccuracyPage } from '../pages/accuracy.ts';
import { textLogits } from './text-logits.ts';

/** Tokens of a continuation, the end token included. */
export const GREEDY_TOKENS = 64;
const END_ID = 2;

/** A whole model in an engine of ours, in this process or in a page. */
export interface MeasuredEngine {
  name: string;
  /** Logits after each token, (tokens, vocabSize); see `TextOptions` for the stages. */
  logits(ids: number[], halfWireStages: number): Promise<Float32Array[]>;
  /** The most likely tokens after the prompt. */
  greedyIds(promptIds: number[]): Promise<number[]>;
  destroy(): void;
}

export async function engineHere(
  name: string,
  source: ByteSource,
  create: (options: EngineOptions) => Promise<ShardEngine>,
): Promise<MeasuredEngine> {
  const model = await loadWholeModel(source, create);
  return {
    name,
    logits: (ids, halfWireStages) => textLogits(model.engine, ids, { nLayers: model.spec.nLayers, halfWireStages }),
    greedyIds: async (promptIds) => (await continueGreedily(model, promptIds, GREEDY_TOKENS, END_ID)).ids,
    destroy: () => model.engine.destroy(),
  };
}

/** WebGPU in bench/pages/accuracy.html. `url` is the model's, from the root of the server. */
export async function engineInPage(name: string, page: Page, url: string): Promise<MeasuredEngine & { adapter: string }> {
  const adapter = await page.evaluate((address) => (globalThis as unknown as WithPage).page.load(address), url);
  return {
    name,
    adapter,
    async logits(ids, halfWireStages) {
      const call = { ids, halfWireStages };
      const base64 = await page.evaluate((it) => (globalThis as unknown as WithPage).page.logits(it), call);
      return rowsOf(new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer), ids.length);
    },
    greedyIds(promptIds) {
      const call = { promptIds, maxTokens: GREEDY_TOKENS, endId: END_ID };
      return page.evaluate((it) => (globalThis as unknown as WithPage).page.greedyIds(it), call);
    },
    destroy() {},
  };
}

interface WithPage {
  page: AccuracyPage;
}

/** @param logits (count, vocabSize) */
export function rowsOf<T extends Float32Array | Float64Array>(logits: T, count: number): T[] {
  const vocabSize = logits.length / count;
  return Array.from({ length: count }, (_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize) as T);
}
