import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { type LayerRange, layersOf } from '../../shared/model/layer-range.ts';
import { CallQueue } from '../call-queue.ts';
import { checkedRuns, checkNext, type SequenceRun } from '../checked-runs.ts';
import { wholeTensors } from '../checked-tensors.ts';
import type { EngineMemory, EngineOptions, ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from '../shard-engine.ts';
import { decoderLayer, type LayerWeights, scratchFor } from './decoder-layer.ts';
import { describeProcessor } from './describe-processor.ts';
import { finishWork } from './finish-work.ts';
import { type HeadWeights, runHead } from './head.ts';
import { LayerKv } from './kv-cache.ts';
import { expandRow, type Matrix, toMatrix } from './matrix.ts';
import type { Work } from './multiply.ts';
import { rotations } from './rope.ts';

interface Layer {
  weights: LayerWeights;
  kv: LayerKv;
}

/** Plain TypeScript on typed arrays: the oracle of the other engines, and the fallback of a browser without WebGPU. */
export function createCpuEngine(options: EngineOptions): Promise<ShardEngine> {
  return Promise.resolve(new CpuEngine(options));
}

class CpuEngine implements ShardEngine {
  readonly kind = 'cpu';
  readonly adapter = describeProcessor('plain TypeScript');
  /** A processor is not lost. */
  readonly lost = new Promise<AppError>(() => {});

  private readonly options: EngineOptions;
  private readonly queue = new CallQueue();
  private readonly layers = new Map<number, Layer>();
  private head: HeadWeights | null = null;
  private embedding: Matrix | null = null;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  async loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const weights: LayerWeights = await this.copyAll(LAYER_ROLES, tensors);
    const { nKvHeads, headDim } = this.options.spec;
    await this.queue.run(() => this.layers.set(layer, { weights, kv: new LayerKv(nKvHeads, headDim) }));
  }

  async loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const weights: HeadWeights = await this.copyAll(HEAD_ROLES, tensors);
    await this.queue.run(() => {
      this.head = weights;
    });
  }

  async loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const { token_embd } = await this.copyAll(EMBEDDING_ROLES, tensors);
    await this.queue.run(() => {
      this.embedding = token_embd;
    });
  }

  unloadLayer(layer: number): void {
    this.queue.apply(() => this.layers.delete(layer));
  }

  unloadHead(): void {
    this.queue.apply(() => {
      this.head = null;
    });
  }

  unloadEmbedding(): void {
    this.queue.apply(() => {
      this.embedding = null;
    });
  }

  forward(request: ForwardRequest): Promise<ForwardResult> {
    return this.queue.run(() => this.runForward(request));
  }

  truncate(sequence: SequenceKey, length: number, layers?: LayerRange): void {
    this.queue.apply(() => this.cut(sequence, length, layers));
  }

  freeSequence(sequence: SequenceKey): void {
    this.truncate(sequence, 0);
  }

  memory(): EngineMemory {
    const memory = { weightBytes: weightBytes({ ...this.head, embedding: this.embedding }), kvBytes: 0 };
    for (const { weights, kv } of this.layers.values()) {
      memory.weightBytes += weightBytes(weights);
      memory.kvBytes += kv.bytes;
    }
    return memory;
  }

  destroy(): void {
    this.queue.apply(() => {
      this.layers.clear();
      this.head = null;
      this.embedding = null;
    });
  }

  private async copyAll<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<Record<R, Matrix>> {
    const matrices: Partial<Record<TensorRole, Matrix>> = {};
    try {
      for await (const tensor of wholeTensors(this.options.spec, roles, tensors)) matrices[tensor.role] = toMatrix(tensor);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new AppError('out-of-memory', `no memory for weights beside ${this.memory().weightBytes} bytes`, { cause: error });
    }
    return matrices as Record<R, Matrix>;
  }

  private async runForward(request: ForwardRequest): Promise<ForwardResult> {
    const runs = checkedRuns(this.options, request);
    const layers = this.loadedLayers(request.layers);
    for (const { kv } of layers) for (const run of runs) checkNext(run.sequence, run.start, kv.lengthOf(run.sequence));
    const work = this.forwardWork(request, runs, layers);
    try {
      return await finishWork(work);
    } catch (error) {
      for (const { sequence, start } of runs) this.cut(sequence, start, request.layers);
      throw error;
    }
  }

  private *forwardWork(request: ForwardRequest, runs: SequenceRun[], layers: Layer[]): Work<ForwardResult> {
    const { spec } = this.options;
    const head = request.head && this.loadedHead();
    const hidden = this.inputRows(request);
    const scratch = scratchFor(spec, request.rows.length);
    const table = rotations(
      spec,
      request.rows.map(({ position }) => position),
    );
    for (const { weights, kv } of layers) {
      yield* decoderLayer(weights, kv, { spec, runs, hidden, rotations: table, scratch });
    }
    if (!request.head || !head) return { hidden, head: [] };
    return { hidden: null, head: yield* runHead(spec, head, hidden, request.head) };
  }

  /** (rows, dim), a copy that the layers may change. */
  private inputRows({ input }: ForwardRequest): Float32Array {
    if ('hidden' in input) return input.hidden.slice();
    if (!this.embedding) throw new AppError('stage-failed', 'the embedding is not loaded on this device');
    const { dim } = this.options.spec;
    const hidden = new Float32Array(input.tokens.length * dim);
    const values = new Float64Array(dim);
    for (const [row, token] of input.tokens.entries()) {
      expandRow(this.embedding, token, values);
      hidden.set(values, row * dim);
    }
    return hidden;
  }

  private loadedLayers(range: LayerRange): Layer[] {
    return layersOf(range).map((index) => {
      const layer = this.layers.get(index);
      if (!layer) throw new AppError('stage-failed', `layer ${index} is not loaded on this device`);
      return layer;
    });
  }

  private loadedHead(): HeadWeights {
    if (!this.head) throw new AppError('stage-failed', 'the head is not loaded on this device');
    return this.head;
  }

  private cut(sequence: SequenceKey, length: number, range?: LayerRange): void {
    for (const [index, { kv }] of this.layers) {
      if (!range || (index >= range.startLayer && index < range.endLayer)) kv.truncate(sequence, length);
    }
  }
}

function weightBytes(matrices: Record<string, Matrix | null>): number {
  return Object.values(matrices).reduce((sum, matrix) => sum + (matrix?.bytes.length ?? 0), 0);
}
