import { type TensorTypes, typesOf } from '../engine/tensor-shape.ts';
import type { GgufHeader } from '../gguf/header.ts';
import type { QuantType } from '../gguf/quant.ts';
import { embeddingTensors, headTensors, layerTensors, sliceBytes } from '../gguf/shard-bytes.ts';

/** What a file's layers are like: in files of mixed formats not all layers are. */
export interface LayerMix {
  /** Formats of the kind of layer that there is most of, of the head and of the embedding. */
  types: TensorTypes;
  /** Every format that is in some layer or the head. */
  stageTypes: ReadonlySet<QuantType>;
  /** Bytes of a mean layer, of one of that kind. */
  meanToCommon: number;
}

export function layerMix(header: GgufHeader, nLayers: number): LayerMix {
  const kinds = new Map<string, { layer: number; count: number }>();
  const stageTypes = new Set(headTensors(header).map(({ type }) => type));
  let bytes = 0;
  for (let layer = 0; layer < nLayers; layer++) {
    const tensors = layerTensors(header, layer);
    bytes += sliceBytes(tensors);
    for (const { type } of tensors) stageTypes.add(type);
    const kind = JSON.stringify(Object.entries(typesOf(tensors)).sort());
    const { layer: first, count } = kinds.get(kind) ?? { layer, count: 0 };
    kinds.set(kind, { layer: first, count: count + 1 });
  }
  const [common] = [...kinds.values()].sort((a, b) => b.count - a.count);
  const tensors = layerTensors(header, common!.layer);
  return {
    types: typesOf([...tensors, ...headTensors(header), ...embeddingTensors(header)]),
    stageTypes,
    meanToCommon: bytes / nLayers / sliceBytes(tensors),
  };
}
