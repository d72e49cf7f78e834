import { createCpuEngine } from '../../src/engine/cpu/cpu-engine.ts';
import { askRows } from '../../src/engine/shard-engine.ts';
import type { ByteSource } from '../../src/gguf/byte-source.ts';
import { readGgufHeader } from '../../src/gguf/header.ts';
import { llamaSpec } from '../../src/gguf/llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors, type TensorSlice } from '../../src/gguf/shard-bytes.ts';
import type { WeightTensor } from '../../src/gguf/weight-tensor.ts';
import type { HeadRow } from '../../src/shared/model/head-row.ts';

/** The most likely token after each position of a text, computed in this process with one layer in memory at a time. */
export async function nextTokens(source: ByteSource, ids: readonly number[]): Promise<number[]> {
  const header = await readGgufHeader(source);
  const spec = llamaSpec(header);
  const engine = await createCpuEngine({ spec, contextLength: ids.length });
  const rows = ids.map((_, position) => ({ sequence: 'verify', position }));
  await engine.loadEmbedding(read(source, embeddingTensors(header)));
  const noLayers = { startLayer: 0, endLayer: 0 };
  let { hidden } = await engine.forward({ rows, input: { tokens: Uint32Array.from(ids) }, layers: noLayers, head: null });
  engine.unloadEmbedding();
  for (let layer = 0; layer < spec.nLayers; layer++) {
    await engine.loadLayer(layer, read(source, layerTensors(header, layer)));
    const layers = { startLayer: layer, endLayer: layer + 1 };
    ({ hidden } = await engine.forward({ rows, input: { hidden: hidden! }, layers, head: null }));
    engine.unloadLayer(layer);
  }
  await engine.loadHead(read(source, headTensors(header)));
  const head = askRows([...rows.keys()]);
  const result = await engine.forward({ rows, input: { hidden: hidden! }, layers: noLayers, head });
  engine.destroy();
  return result.head.map(({ topIds }: HeadRow) => topIds[0]!);
}

async function* read(source: ByteSource, slices: readonly TensorSlice[]): AsyncGenerator<WeightTensor> {
  for (const { start, end, ...tensor } of slices) yield { ...tensor, bytes: await source.read(start, end) };
}
