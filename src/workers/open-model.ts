import type { GgufHeader } from '../gguf/header.ts';
import { llamaSpec } from '../gguf/llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors, sliceBytes, type TensorSlice } from '../gguf/shard-bytes.ts';
import type { WeightTensor } from '../gguf/weight-tensor.ts';
import type { Holdings } from '../pipeline/state.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { openHttpRange } from '../weights/http-range.ts';
import { openGguf } from '../weights/open-gguf.ts';
import { openOpfsCache } from '../weights/opfs-cache.ts';
import type { RangeSource } from '../weights/range-source.ts';
import type { ShardCache } from '../weights/shard-cache.ts';
import { streamTensors } from '../weights/shard-stream.ts';

export interface LoadOptions {
  signal: AbortSignal;
  /** Called with newly arrived bytes, from the network or the cache. */
  onBytes(bytes: number): void;
}

/** Tells this project's own server which device downloads; other servers get no header that they might refuse. */
const DEVICE_HEADER = 'x-edgeshard-device';

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
   * @throws AppError model-unreachable, model-ignores-ranges, not-gguf, architecture-unsupported and the other model codes
   */
  static async open(modelUrl: string, deviceLabel: string, signal: AbortSignal): Promise<OpenModel> {
    const ownServer = new URL(modelUrl, location.origin).origin === location.origin;
    const headers = ownServer ? { [DEVICE_HEADER]: deviceLabel } : {};
    const { source, header } = await openGguf(modelUrl, (url) => openHttpRange(url, { headers, signal }));
    return new OpenModel(modelUrl, source, header, await openOpfsCache());
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
  shardBytes({ layers, head }: Holdings): number {
    const headBytes = head ? sliceBytes(headTensors(this.header)) : 0;
    return [...layers].reduce((sum, layer) => sum + sliceBytes(layerTensors(this.header, layer)), headBytes);
  }

  private stream(slices: TensorSlice[], { signal, onBytes }: LoadOptions): AsyncIterable<WeightTensor> {
    return streamTensors(this.source, slices, { signal, onBytes, cache: this.cache });
  }
}
