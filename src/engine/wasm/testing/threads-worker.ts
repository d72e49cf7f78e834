import type { QuantType } from '../../../gguf/quant.ts';
import { askRows, type ShardEngine } from '../../shard-engine.ts';
import { uniformTypes } from '../../tensor-shape.ts';
import { type ContractModel, loadWhole, PLAIN_MODEL, someTokens } from '../../testing/contract-models.ts';
import { createProcessorEngine } from '../processor-engine.ts';

/** A run that a test asks for; it happens here because the main thread of a page may not wait for other threads. */
export interface ThreadRun {
  type: QuantType;
  /** Absent: as many as the engine takes by itself. */
  threads?: number;
  tokens: number;
  /** Tokens to a forward. */
  chunk: number;
}

export interface ThreadResult {
  adapter: string;
  /** (tokens, vocabulary), one row after the other */
  logits: number[];
}

/** Large enough that threads share its products and, over many positions, its heads; the head's rows are no multiple of what they take. */
const SHAPE = { dim: 512, ffnDim: 768, nHeads: 4, nKvHeads: 2, headDim: 128, ropeDim: 128, vocabSize: 1003, nLayers: 2 };

async function run({ type, threads, tokens: count, chunk }: ThreadRun): Promise<ThreadResult> {
  const model: ContractModel = { ...PLAIN_MODEL, spec: { ...PLAIN_MODEL.spec, ...SHAPE }, types: uniformTypes(type) };
  const options = { spec: model.spec, contextLength: count };
  const engine = await (threads === undefined ? createProcessorEngine(options) : createProcessorEngine(options, threads));
  await loadWhole(engine, model);
  const logits: number[] = [];
  const tokens = someTokens(model, count);
  for (let at = 0; at < count; at += chunk)
    for (const logit of await forward(engine, tokens.slice(at, at + chunk), at)) logits.push(logit);
  engine.destroy();
  return { adapter: engine.adapter, logits };
}

async function forward(engine: ShardEngine, tokens: readonly number[], start: number): Promise<number[]> {
  const { head } = await engine.forward({
    rows: tokens.map((_, i) => ({ sequence: 's', position: start + i })),
    input: { tokens: Uint32Array.from(tokens) },
    layers: { startLayer: 0, endLayer: SHAPE.nLayers },
    head: askRows([...tokens.keys()], { fullRow: true }),
  });
  return head.flatMap(({ logits }) => Array.from(logits!));
}

self.onmessage = async ({ data, ports }: MessageEvent<ThreadRun>) => {
  ports[0]!.postMessage(await run(data).catch((thrown: unknown) => String(thrown)));
};
