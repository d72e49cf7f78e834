import type { GgufHeader } from '../gguf/header.ts';
import { headTensors, layerTensors, type TensorSlice } from '../gguf/shard-bytes.ts';
import type { ShardParts } from '../shared/model/shard-parts.ts';
import type { RangeSource } from './range-source.ts';
import type { ShardCache } from './shard-cache.ts';
import { cutIntoPieces } from './tensor-pieces.ts';

/** What of a model need not be downloaded again. Asks the cache itself, piece by piece up to the first that is missing, so that it is true whatever was evicted meanwhile. */
export async function storedParts(
  cache: ShardCache | null,
  source: RangeSource,
  header: GgufHeader,
  nLayers: number,
): Promise<ShardParts> {
  if (!cache) return { layers: [], head: false };
  const layers: number[] = [];
  for (let layer = 0; layer < nLayers; layer++) {
    if (await isStored(cache, source, layerTensors(header, layer))) layers.push(layer);
  }
  return { layers, head: await isStored(cache, source, headTensors(header)) };
}

async function isStored(cache: ShardCache, source: RangeSource, slices: readonly TensorSlice[]): Promise<boolean> {
  for (const { start, end } of cutIntoPieces(slices)) {
    if (!(await cache.has(source, start, end))) return false;
  }
  return true;
}
