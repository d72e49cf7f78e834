import type { ByteSource } from '../gguf/byte-source.ts';
import { readGgufHeader } from '../gguf/header.ts';
import { llamaSpec } from '../gguf/llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors, type TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { askRows, type EngineOptions, type ShardEngine } from './shard-engine.ts';

/** A whole model in one engine, without a room around it: to compare engines with the references and with each other. */
export interface WholeModel {
  spec: ModelSpec;
  engine: ShardEngine;
}

export async function loadWholeModel(
  source: ByteSource,
  createEngine: (options: EngineOptions) => Promise<ShardEngine>,
): Promise<WholeModel> {
  const header = await readGgufHeader(source);
  const spec = llamaSpec(header);
  const engine = await createEngine({ spec, contextLength: spec.contextLength });
  await engine.loadEmbedding(readSlices(source, embeddingTensors(header)));
  for (let layer = 0; layer < spec.nLayers; layer++)
    await engine.loadLayer(layer, readSlices(source, layerTensors(header, layer)));
  await engine.loadHead(readSlices(source, headTensors(header)));
  return { spec, engine };
}

async function* readSlices(source: ByteSource, slices: readonly TensorSlice[]): AsyncGenerator<WeightTensor> {
  for (const { start, end, ...tensor } of slices) yield { ...tensor, bytes: await source.read(start, end) };
}

export interface Continuation {
  ids: number[];
  /** Largest minus second largest logit at each step. */
  margins: number[];
}

/** The most likely token after the prompt, and after that, and so on, until `maxTokens` or the end token, which is included. */
export async function continueGreedily(
  { spec, engine }: WholeModel,
  promptIds: readonly number[],
  maxTokens: number,
  endId: number,
): Promise<Continuation> {
  const continuation: Continuation = { ids: [], margins: [] };
  let input = promptIds;
  let position = 0;
  while (continuation.ids.length < maxTokens && continuation.ids.at(-1) !== endId) {
    const { head } = await engine.forward({
      rows: input.map((_, i) => ({ sequence: 'greedy', position: position + i })),
      input: { tokens: Uint32Array.from(input) },
      layers: { startLayer: 0, endLayer: spec.nLayers },
      head: askRows([input.length - 1]),
    });
    position += input.length;
    const { topIds, topLogits } = head[0]!;
    continuation.ids.push(topIds[0]!);
    continuation.margins.push(topLogits[0]! - topLogits[1]!);
    input = [topIds[0]!];
  }
  engine.freeSequence('greedy');
  return continuation;
}
