import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { kvBytesPerTokenAndLayer, type ModelSpec } from '../../shared/model/model-spec.ts';
import { destroyedError, type ForwardJob, PartsEngine } from '../parts-engine.ts';
import type { EngineOptions, ForwardResult, ShardEngine } from '../shard-engine.ts';
import { Forwarder } from './forward.ts';
import { type GpuContext, type GpuOptions, openGpu } from './gpu-context.ts';
import { returnMemory } from './gpu-memory.ts';
import {
  type EmbeddingPart,
  type HeadPart,
  type LayerPart,
  loadEmbeddingPart,
  loadHeadPart,
  loadLayerPart,
  type PartBase,
} from './gpu-parts.ts';
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

class WebGpuEngine extends PartsEngine<LayerPart, HeadPart, EmbeddingPart> {
  readonly kind = 'webgpu';
  readonly adapter: string;
  readonly variant: string;
  readonly lost: Promise<AppError>;
  private readonly base: PartBase;
  private readonly ownsDevice: boolean;
  private readonly forwarder: Forwarder;

  constructor(options: EngineOptions, base: PartBase, ownsDevice: boolean) {
    super(options);
    const { spec, contextLength } = options;
    this.base = base;
    this.ownsDevice = ownsDevice;
    this.adapter = base.gpu.adapter;
    this.variant = describeVariant(base.gpu.variant);
    this.forwarder = new Forwarder(base, { bytesPerPosition: kvBytesPerTokenAndLayer(spec), contextLength });
    this.lost = base.gpu.lost;
  }

  /** A device of its own goes at once, and with it whatever hangs on it. */
  override destroy(): void {
    if (this.ownsDevice) this.base.gpu.destroy();
    super.destroy();
  }

  protected async makeLayer(tensors: AsyncIterable<WeightTensor>): Promise<LayerPart> {
    this.checkAlive();
    return loadLayerPart(this.base, tensors);
  }

  protected async makeHead(tensors: AsyncIterable<WeightTensor>): Promise<HeadPart> {
    this.checkAlive();
    return loadHeadPart(this.base, tensors);
  }

  protected async makeEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<EmbeddingPart> {
    this.checkAlive();
    return loadEmbeddingPart(this.base, tensors);
  }

  protected run({
    request,
    runs,
    layers,
    head,
    embedding,
  }: ForwardJob<LayerPart, HeadPart, EmbeddingPart>): Promise<ForwardResult> {
    return this.forwarder.run(request, runs, { layers, head, embedding });
  }

  protected override freed(): void {
    if (!this.base.gpu.isLost()) returnMemory(this.base.gpu);
  }

  protected override released(): void {
    this.forwarder.destroy();
    this.base.scratch.destroy();
  }

  protected override checkAlive(): void {
    super.checkAlive();
    if (this.base.gpu.isLost()) throw destroyedError();
  }
}
