import type { GgufHeader } from '../gguf/header.ts';
import { llamaSpec } from '../gguf/llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors, sliceBytes, type TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import type { ShardParts } from '../shared/model/shard-parts.ts';
import { openGguf } from './open-gguf.ts';
import { openOpfsCache } from './opfs-cache.ts';
import type { OpenSource, RangeSource } from './range-source.ts';
import type { ShardCache, Shortage } from './shard-cache.ts';
import { streamTensors } from './shard-stream.ts';
import { storedParts } from './stored-parts.ts';

export interface LoadOptions {
  signal: AbortSignal;
  /** Called with newly arrived bytes, from the network or the cache. */
  onBytes(bytes: number): void;
  /** Called for each piece that this device has no space to keep. */
  onNotKept?(shortage: Shortage): void;
}

/** A model whose header has been read: any part of its weights can be streamed at any time. */
export class OpenModel {
  readonly url: string;
  readonly header: GgufHeader;
  readonly spec: ModelSpec;
  private readonly source: RangeSource;
  private readonly cache: ShardCache | null;

  private constructor(url: string, source: RangeSource, header: GgufHeader, cache: ShardCache | null) {
    this.url = url;
    this.source = source;
    this.header = header;
    this.spec = llamaSpec(header);
    this.cache = cache;
  }

  /**
   * Reads a GGUF file's header, or those of all its parts, and nothing else.
   * @param signal ends the use of what this device has stored of it
   * @throws AppError not-gguf, architecture-unsupported and the other model codes, and what `openSource` throws
   */
  static async open(modelUrl: string, openSource: OpenSource, signal: AbortSignal): Promise<OpenModel> {
    const { source, header } = await openGguf(modelUrl, openSource);
    return new OpenModel(modelUrl, source, header, await openOpfsCache(signal));
  }

  layer(layer: number, options: LoadOptions): AsyncIterable<WeightTensor> {
    return this.stream(layerTensors(this.header, layer), options);
  }

  head(options: LoadOptions): AsyncIterable<WeightTensor> {
    return this.stream(headTensors(this.header), options);
  }

  embedding(options: LoadOptions): AsyncIterable<WeightTensor> {
    return this.stream(embeddingTensors(this.header), options);
  }

  /** Bytes of a shard. */
  shardBytes({ layers, head }: ShardParts): number {
    const headBytes = head ? sliceBytes(headTensors(this.header)) : 0;
    return layers.reduce((sum, layer) => sum + sliceBytes(layerTensors(this.header, layer)), headBytes);
  }

  /** What of it need not be downloaded again, at this moment. */
  storedParts(): Promise<ShardParts> {
    return storedParts(this.cache, this.source, this.header, this.spec.nLayers);
  }

  private stream(slices: TensorSlice[], { signal, onBytes, onNotKept }: LoadOptions): AsyncIterable<WeightTensor> {
    const cache = this.cache;
    return streamTensors(this.source, slices, { signal, onBytes, cache, ...(onNotKept ? { onNotKept } : {}) });
  }
}
