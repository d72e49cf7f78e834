import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { type LayerRange, layersOf } from '../../shared/model/layer-range.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { CallQueue } from '../call-queue.ts';
import { checkedRuns, checkNext, type SequenceRun } from '../checked-runs.ts';
import { checkedTensors } from '../checked-tensors.ts';
import { finishWork } from '../cpu/finish-work.ts';
import type { Work } from '../cpu/multiply.ts';
import { rotations } from '../cpu/rope.ts';
import type { EngineMemory, EngineOptions, ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from '../shard-engine.ts';
import { tensorShape } from '../tensor-shape.ts';
import { decoderLayer, type LayerInput, type LayerWeights } from './decoder-layer.ts';
import { type HeadWeights, runHead } from './head.ts';
import type { Heap } from './heap.ts';
import { bindKernels, type Kernels } from './kernels.ts';
import { LayerKv } from './kv-cache.ts';
import { copyNormToHeap, fillOnHeap, reserveOnHeap, type WasmMatrix } from './matrix.ts';
import { allocateScratch, releaseScratch, type Scratch } from './scratch.ts';
import type { ThreadGroup } from './thread-group.ts';

/** Compiled kernels, the memory that they work in, and who works beside this thread. */
export interface KernelBase {
  module: WebAssembly.Module;
  heap: Heap;
  threads: ThreadGroup | null;
}

interface Layer {
  weights: LayerWeights;
  kv: LayerKv;
}

/** The kernels take four values at a time and have no code for what is left over; no known model has any left over. */
export function fitsKernels({ dim, ffnDim, headDim }: ModelSpec): boolean {
  return [dim, ffnDim, headDim].every((size) => size % 4 === 0);
}

/** The loops of the CPU engine in 128-bit WebAssembly vectors, float32 throughout. */
export class WasmEngine implements ShardEngine {
  readonly kind = 'cpu';
  readonly adapter: string;
  /** A processor is not lost. */
  readonly lost = new Promise<AppError>(() => {});

  private readonly options: EngineOptions;
  private readonly heap: Heap;
  private readonly kernels: Kernels;
  private readonly threads: ThreadGroup | null;
  private readonly queue = new CallQueue();
  private readonly layers = new Map<number, Layer>();
  private head: HeadWeights | null = null;
  private embedding: WasmMatrix | null = null;

  /** The spec must fit the kernels. */
  constructor(options: EngineOptions, { module, heap, threads }: KernelBase, adapter: string) {
    this.options = options;
    this.adapter = adapter;
    this.heap = heap;
    this.threads = threads;
    this.kernels = bindKernels(module, heap.memory);
  }

  async loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const weights: LayerWeights = await this.copyAll(LAYER_ROLES, tensors);
    const { nKvHeads, headDim } = this.options.spec;
    await this.queue.run(() => {
      this.dropLayer(layer);
      this.layers.set(layer, { weights, kv: new LayerKv(this.heap, nKvHeads, headDim) });
    });
  }

  async loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const weights: HeadWeights = await this.copyAll(HEAD_ROLES, tensors);
    await this.queue.run(() => {
      this.dropHead();
      this.head = weights;
    });
  }

  async loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const { token_embd } = await this.copyAll(EMBEDDING_ROLES, tensors);
    await this.queue.run(() => {
      this.dropEmbedding();
      this.embedding = token_embd;
    });
  }

  unloadLayer(layer: number): void {
    this.queue.apply(() => this.dropLayer(layer));
  }

  unloadHead(): void {
    this.queue.apply(() => this.dropHead());
  }

  unloadEmbedding(): void {
    this.queue.apply(() => this.dropEmbedding());
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
      for (const layer of [...this.layers.keys()]) this.dropLayer(layer);
      this.dropHead();
      this.dropEmbedding();
      this.threads?.stop();
    });
  }

  private async copyAll<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<Record<R, WasmMatrix>> {
    const matrices: Partial<Record<TensorRole, WasmMatrix>> = {};
    try {
      for await (const tensor of checkedTensors(this.options.spec, roles, tensors))
        matrices[tensor.role] = this.place(tensor, matrices[tensor.role]);
    } catch (error) {
      this.releaseAll(matrices);
      throw error;
    }
    return matrices as Record<R, WasmMatrix>;
  }

  /** @param begun holds the pieces before this one */
  private place(tensor: WeightTensor, begun: WasmMatrix | undefined): WasmMatrix {
    if (tensor.role.endsWith('_norm')) return copyNormToHeap(this.heap, this.kernels, tensor);
    const { rows } = tensorShape(this.options.spec, tensor.role);
    const matrix = begun ?? reserveOnHeap(this.heap, tensor, rows);
    fillOnHeap(this.heap, matrix, tensor);
    return matrix;
  }

  private async runForward(request: ForwardRequest): Promise<ForwardResult> {
    const runs = checkedRuns(this.options, request);
    const layers = this.loadedLayers(request.layers);
    for (const { kv } of layers) for (const run of runs) checkNext(run.sequence, run.start, kv.lengthOf(run.sequence));
    const scratch = this.scratchFor(request, runs);
    try {
      return await finishWork(this.forwardWork(request, runs, layers, scratch));
    } catch (error) {
      for (const { sequence, start } of runs) this.cut(sequence, start, request.layers);
      throw error;
    } finally {
      releaseScratch(this.heap, scratch);
    }
  }

  private scratchFor({ rows, head }: ForwardRequest, runs: readonly SequenceRun[]): Scratch {
    const positions = Math.max(...runs.map(({ start, rowCount }) => start + rowCount));
    const headRows = head?.rows.length ?? 0;
    return allocateScratch(this.heap, { spec: this.options.spec, rows: rows.length, headRows, positions });
  }

  private *forwardWork(
    request: ForwardRequest,
    runs: readonly SequenceRun[],
    layers: readonly Layer[],
    scratch: Scratch,
  ): Work<ForwardResult> {
    const { heap, kernels, threads } = this;
    const { spec } = this.options;
    const head = request.head && this.loadedHead();
    this.placeInput(request, scratch);
    const positions = request.rows.map(({ position }) => position);
    const rows = positions.length;
    const input: LayerInput = { heap, kernels, threads, spec, rows, runs, rotations: rotations(spec, positions), scratch };
    for (const { weights, kv } of layers) yield* decoderLayer(weights, kv, input);
    if (request.head && head) return { hidden: null, head: yield* runHead(head, input, request.head) };
    return { hidden: heap.floats(scratch.hidden, rows * spec.dim).slice(), head: [] };
  }

  private placeInput({ input }: ForwardRequest, { hidden }: Scratch): void {
    if ('hidden' in input) {
      this.heap.floats(hidden, input.hidden.length).set(input.hidden);
      return;
    }
    if (!this.embedding) throw new AppError('stage-failed', 'the embedding is not loaded on this device');
    const { format, address, columns } = this.embedding;
    for (const [row, token] of input.tokens.entries())
      this.kernels.expand(format, address, columns, token, token + 1, hidden + row * columns * 4);
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

  private dropLayer(index: number): void {
    const layer = this.layers.get(index);
    if (!layer) return;
    this.layers.delete(index);
    layer.kv.release();
    this.releaseAll(layer.weights);
  }

  private dropHead(): void {
    this.releaseAll({ ...this.head });
    this.head = null;
  }

  private dropEmbedding(): void {
    if (this.embedding) this.heap.release(this.embedding.address);
    this.embedding = null;
  }

  private releaseAll(matrices: Record<string, WasmMatrix | undefined>): void {
    for (const matrix of Object.values(matrices)) if (matrix) this.heap.release(matrix.address);
  }
}

function weightBytes(matrices: Record<string, WasmMatrix | null>): number {
  return Object.values(matrices).reduce((sum, matrix) => sum + (matrix?.weightBytes ?? 0), 0);
}
