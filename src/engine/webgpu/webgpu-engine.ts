import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import type { LayerRange } from '../../shared/model/layer-range.ts';
import { kvBytesPerTokenAndLayer, type ModelSpec } from '../../shared/model/model-spec.ts';
import { CallQueue } from '../call-queue.ts';
import { checkedRuns } from '../checked-runs.ts';
import type { EngineMemory, EngineOptions, ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from '../shard-engine.ts';
import { Forwarder, type ForwardParts } from './forward.ts';
import { type GpuContext, type GpuOptions, openGpu } from './gpu-context.ts';
import { destroyedError, returnMemory } from './gpu-memory.ts';
import {
  type EmbeddingPart,
  type HeadPart,
  type LayerPart,
  loadEmbeddingPart,
  loadHeadPart,
  loadLayerPart,
  type PartBase,
} from './gpu-parts.ts';
import { KvCache } from './kv-cache.ts';
import { createScratch } from './scratch.ts';
import { compileShapeKernels } from './shape-kernels.ts';
import { describeVariant } from './variants.ts';

/**
 * Runs a shard with our own WGSL, in a worker or on a page. The engine opens a device of its own and closes it at the end;
 * several engines may share one that the caller opened.
 *
 * @throws AppError no-webgpu, out-of-memory, model-malformed (a shape that kernels cannot have)
 */
export async function createWebGpuEngine(options: EngineOptions, gpu: GpuContext | GpuOptions = {}): Promise<ShardEngine> {
  checkShape(options.spec);
  const isShared = 'device' in gpu;
  const context = isShared ? gpu : await openGpu(gpu);
  try {
    const [kernels, scratch] = await Promise.all([compileShapeKernels(context, options), createScratch(context, options)]);
    return new WebGpuEngine(options, { gpu: context, spec: options.spec, kernels, scratch }, !isShared);
  } catch (thrown) {
    if (!isShared) context.destroy();
    throw AppError.from(thrown);
  }
}

/** Vectors are read four values at a time, heads two. */
function checkShape({ dim, ffnDim, nHeads, nKvHeads, headDim, ropeDim }: ModelSpec): void {
  const fits = dim % 4 === 0 && ffnDim % 4 === 0 && (nHeads * headDim) % 4 === 0 && headDim % 2 === 0 && ropeDim % 2 === 0;
  if (!fits || nHeads % nKvHeads !== 0 || ropeDim > headDim) {
    const detail =
      `WebGPU runs models with dim, feed-forward and query lengths divisible by 4 and even heads; this one has dim ${dim}, ` +
      `feed-forward ${ffnDim}, ${nHeads} heads of ${headDim} for ${nKvHeads} key heads, ${ropeDim} of them rotated`;
    throw new AppError('model-malformed', detail, { values: { detail } });
  }
}

class WebGpuEngine implements ShardEngine {
  readonly kind = 'webgpu';
  readonly adapter: string;
  readonly variant: string;
  readonly lost: Promise<AppError>;
  private readonly options: EngineOptions;
  private readonly base: PartBase;
  private readonly ownsDevice: boolean;
  private readonly queue = new CallQueue();
  private readonly cache: KvCache;
  private readonly forwarder: Forwarder;
  private readonly layers = new Map<number, LayerPart>();
  private head: HeadPart | null = null;
  private embedding: EmbeddingPart | null = null;
  private destroyed = false;

  constructor(options: EngineOptions, base: PartBase, ownsDevice: boolean) {
    this.options = options;
    this.base = base;
    this.ownsDevice = ownsDevice;
    this.adapter = base.gpu.adapter;
    this.variant = describeVariant(base.gpu.variant);
    this.cache = new KvCache(base.gpu, kvBytesPerTokenAndLayer(options.spec), options.contextLength);
    this.forwarder = new Forwarder(base, this.cache);
    this.lost = base.gpu.lost;
  }

  loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(loadLayerPart, tensors, (part) => {
      this.layers.get(layer)?.destroy();
      this.layers.set(layer, part);
    });
  }

  loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(loadHeadPart, tensors, (part) => {
      this.head?.destroy();
      this.head = part;
    });
  }

  loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(loadEmbeddingPart, tensors, (part) => {
      this.embedding?.destroy();
      this.embedding = part;
    });
  }

  unloadLayer(layer: number): void {
    this.queue.apply(() => {
      this.layers.get(layer)?.destroy();
      this.layers.delete(layer);
      this.cache.freeLayer(layer);
      returnMemory(this.base.gpu);
    });
  }

  unloadHead(): void {
    this.queue.apply(() => {
      this.head?.destroy();
      this.head = null;
      returnMemory(this.base.gpu);
    });
  }

  unloadEmbedding(): void {
    this.queue.apply(() => {
      this.embedding?.destroy();
      this.embedding = null;
      returnMemory(this.base.gpu);
    });
  }

  forward(request: ForwardRequest): Promise<ForwardResult> {
    return this.queue.run(async () => {
      if (this.destroyed || this.base.gpu.isLost()) throw destroyedError();
      const runs = checkedRuns(this.options, request);
      const parts = this.partsFor(request);
      this.cache.checkStarts(runs, request.layers);
      return this.forwarder.run(request, runs, parts);
    });
  }

  truncate(sequence: SequenceKey, length: number, layers?: LayerRange): void {
    this.queue.apply(() => this.cache.truncate(sequence, length, layers));
  }

  freeSequence(sequence: SequenceKey): void {
    this.queue.apply(() => {
      this.cache.freeSequence(sequence);
      returnMemory(this.base.gpu);
    });
  }

  memory(): EngineMemory {
    const parts = [...this.layers.values(), this.head, this.embedding];
    return { weightBytes: parts.reduce((sum, part) => sum + (part?.weightBytes ?? 0), 0), kvBytes: this.cache.bytes };
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    for (const part of [...this.layers.values(), this.head, this.embedding]) part?.destroy();
    this.layers.clear();
    this.head = null;
    this.embedding = null;
    this.cache.destroy();
    this.forwarder.destroy();
    this.base.scratch.destroy();
    if (this.ownsDevice) this.base.gpu.destroy();
  }

  /** Uploads beside running forwards; the part takes its place between two of them. */
  private async load<P extends { destroy(): void }>(
    loadPart: (base: PartBase, tensors: AsyncIterable<WeightTensor>) => Promise<P>,
    tensors: AsyncIterable<WeightTensor>,
    place: (part: P) => void,
  ): Promise<void> {
    if (this.destroyed || this.base.gpu.isLost()) throw destroyedError();
    const part = await loadPart(this.base, tensors);
    await this.queue.run(() => {
      if (!this.destroyed) return place(part);
      part.destroy();
      throw destroyedError();
    });
  }

  private partsFor({ input, layers, head }: ForwardRequest): ForwardParts {
    const layerParts: LayerPart[] = [];
    for (let layer = layers.startLayer; layer < layers.endLayer; layer++) {
      const part = this.layers.get(layer);
      if (!part) throw new AppError('stage-failed', `layer ${layer} is not loaded here`);
      layerParts.push(part);
    }
    if (head && !this.head) throw new AppError('stage-failed', 'the head is not loaded here');
    if ('tokens' in input && !this.embedding) throw new AppError('stage-failed', 'the embedding is not loaded here');
    return {
      embedding: 'tokens' in input ? this.embedding : null,
      layers: layerParts,
      head: this.head,
    };
  }
}
