import type { WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import type { EngineKind } from '../shared/model/device-profile.ts';
import { hasLayer, type LayerRange, layersOf } from '../shared/model/layer-range.ts';
import { CallQueue } from './call-queue.ts';
import { checkedRuns, checkNext, type SequenceRun } from './checked-runs.ts';
import type { EngineMemory, EngineOptions, ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from './shard-engine.ts';

/** A layer, the head or the embedding, loaded. */
export interface Part {
  readonly weightBytes: number;
  /** Gives back all that it holds. */
  release(): void;
}

export interface LayerPart extends Part {
  /** What the layer keeps of all sequences; goes with the layer. */
  readonly kv: {
    lengthOf(sequence: SequenceKey): number;
    truncate(sequence: SequenceKey, length: number): void;
    readonly bytes: number;
  };
}

/** A forward that was checked, with the parts it needs: the head where it is asked, the embedding where tokens come in. */
export interface ForwardJob<L, H, E> {
  request: ForwardRequest;
  runs: readonly SequenceRun[];
  layers: readonly L[];
  head: H | null;
  embedding: E | null;
}

/**
 * What engines have in common that keep their parts one by one: which are loaded, one call after the other, checks, and what
 * a failed forward must not leave behind. A kind of engine says how a part is made and how a forward runs.
 */
export abstract class PartsEngine<L extends LayerPart, H extends Part, E extends Part> implements ShardEngine {
  abstract readonly kind: EngineKind;
  abstract readonly adapter: string;
  abstract readonly lost: Promise<AppError>;

  protected readonly options: EngineOptions;
  private readonly queue = new CallQueue();
  private readonly layers = new Map<number, L>();
  private head: H | null = null;
  private embedding: E | null = null;
  private destroyed = false;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  /** These run beside forwards and keep nothing when they fail. */
  protected abstract makeLayer(tensors: AsyncIterable<WeightTensor>): Promise<L>;
  protected abstract makeHead(tensors: AsyncIterable<WeightTensor>): Promise<H>;
  protected abstract makeEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<E>;
  /** One at a time. Keys and values grow by the rows; where it throws they may have grown in part. */
  protected abstract run(job: ForwardJob<L, H, E>): Promise<ForwardResult>;

  loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(this.makeLayer(tensors), (part) => {
      this.dropLayer(layer);
      this.layers.set(layer, part);
    });
  }

  loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(this.makeHead(tensors), (part) => {
      this.head?.release();
      this.head = part;
    });
  }

  loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    return this.load(this.makeEmbedding(tensors), (part) => {
      this.embedding?.release();
      this.embedding = part;
    });
  }

  unloadLayer(layer: number): void {
    this.apply(() => this.dropLayer(layer));
  }

  unloadHead(): void {
    this.apply(() => {
      this.head?.release();
      this.head = null;
    });
  }

  unloadEmbedding(): void {
    this.apply(() => {
      this.embedding?.release();
      this.embedding = null;
    });
  }

  forward(request: ForwardRequest): Promise<ForwardResult> {
    return this.queue.run(() => this.checkAndRun(request));
  }

  truncate(sequence: SequenceKey, length: number, layers?: LayerRange): void {
    this.apply(() => this.cut(sequence, length, layers));
  }

  freeSequence(sequence: SequenceKey): void {
    this.truncate(sequence, 0);
  }

  memory(): EngineMemory {
    const memory = { weightBytes: (this.head?.weightBytes ?? 0) + (this.embedding?.weightBytes ?? 0), kvBytes: 0 };
    for (const { weightBytes, kv } of this.layers.values()) {
      memory.weightBytes += weightBytes;
      memory.kvBytes += kv.bytes;
    }
    return memory;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    for (const layer of [...this.layers.keys()]) this.unloadLayer(layer);
    this.unloadHead();
    this.unloadEmbedding();
    this.queue.apply(() => this.released());
  }

  /** After memory was given back that a device may not know of yet. */
  protected freed(): void {}

  /** After a destroyed engine's parts are gone. */
  protected released(): void {}

  protected get isDestroyed(): boolean {
    return this.destroyed;
  }

  /** @throws AppError device-lost */
  protected checkAlive(): void {
    if (this.destroyed) throw destroyedError();
  }

  private apply(free: () => void): void {
    this.queue.apply(() => {
      free();
      this.freed();
    });
  }

  /** The part takes its place between two forwards. */
  private async load<P extends Part>(making: Promise<P>, place: (part: P) => void): Promise<void> {
    const part = await making;
    await this.queue.run(() => {
      if (!this.destroyed) return place(part);
      part.release();
      throw destroyedError();
    });
  }

  private async checkAndRun(request: ForwardRequest): Promise<ForwardResult> {
    this.checkAlive();
    const runs = checkedRuns(this.options, request);
    const job = { request, runs, ...this.partsFor(request) };
    for (const { kv } of job.layers) for (const run of runs) checkNext(run.sequence, run.start, kv.lengthOf(run.sequence));
    try {
      return await this.run(job);
    } catch (error) {
      for (const { sequence, start } of runs) this.cut(sequence, start, request.layers);
      throw error;
    }
  }

  private partsFor({ input, layers, head }: ForwardRequest): Pick<ForwardJob<L, H, E>, 'layers' | 'head' | 'embedding'> {
    const loaded = layersOf(layers).map((index) => this.layers.get(index) ?? notLoaded(`layer ${index}`));
    return {
      layers: loaded,
      head: head ? (this.head ?? notLoaded('the head')) : null,
      embedding: 'tokens' in input ? (this.embedding ?? notLoaded('the embedding')) : null,
    };
  }

  private dropLayer(index: number): void {
    this.layers.get(index)?.release();
    this.layers.delete(index);
  }

  private cut(sequence: SequenceKey, length: number, range?: LayerRange): void {
    for (const [index, { kv }] of this.layers) if (!range || hasLayer(range, index)) kv.truncate(sequence, length);
  }
}

/** @throws AppError stage-failed */
function notLoaded(what: string): never {
  throw new AppError('stage-failed', `${what} is not loaded on this device`);
}

export function destroyedError(): AppError {
  return new AppError('device-lost', 'this engine is destroyed or its device is gone');
}
