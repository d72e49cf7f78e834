import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { type LayerRange, layersOf } from '../../shared/model/layer-range.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { CallQueue } from '../call-queue.ts';
import { checkedRuns, checkNext } from '../checked-runs.ts';
import { wholeTensors } from '../checked-tensors.ts';
import { expandRow, type Matrix, toMatrix } from '../cpu/matrix.ts';
import type { EngineMemory, EngineOptions, ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from '../shard-engine.ts';
import { Forwarder, type LayerPart } from './forward.ts';
import { LayerKv } from './kv-cache.ts';
import { llamaGraph, VALUES } from './llama-graph.ts';
import type { OnnxGraph } from './onnx-model.ts';
import { ropeTables } from './rope-tables.ts';
import { loadRuntime, type OnnxRuntime, type Session } from './runtime.ts';

interface Part {
  session: Session;
  weightBytes: number;
}

type Layer = Part & LayerPart;

/**
 * onnxruntime-web as a shard engine: every layer and the head is an ONNX graph made here from its GGUF tensors, run on
 * WebGPU with hidden states, keys and values staying on the device. Keys and values are float32. A row's bits may depend on
 * how many rows of its sequence share a chunk; nothing else of the contract is weaker. The embedding is read on the processor.
 *
 * onnxruntime-web gives a released session's memory back when the last session of the thread is gone.
 *
 * @throws AppError no-webgpu, model-malformed (a shape that its operators cannot have)
 */
export async function createOnnxEngine(options: EngineOptions): Promise<ShardEngine> {
  checkShape(options.spec);
  const runtime = await loadRuntime();
  // The device is opened with the first session.
  const probe = await runtime.open(probeGraph(), {});
  const device = await runtime.device();
  return new OnnxEngine(options, runtime, device, probe);
}

/** GroupQueryAttention rotates whole heads of a multiple of 16. */
function checkShape({ headDim, ropeDim }: ModelSpec): void {
  if (headDim % 16 === 0 && ropeDim === headDim) return;
  const got = `this model's have ${headDim}, of which ${ropeDim} are rotated`;
  throw new AppError('model-malformed', `onnxruntime-web runs heads of a multiple of 16 that are rotated whole; ${got}`);
}

function probeGraph(): OnnxGraph {
  const value = (name: string) => ({ name, type: 'float32' as const, dims: [1] });
  const nodes = [{ operator: 'Add', inputs: ['a', 'a'], outputs: ['b'] }];
  return { nodes, initializers: [], inputs: [value('a')], outputs: [value('b')] };
}

class OnnxEngine implements ShardEngine {
  readonly kind = 'onnx';
  readonly adapter: string;
  readonly lost: Promise<AppError>;
  private readonly options: EngineOptions;
  private readonly runtime: OnnxRuntime;
  private readonly device: GPUDevice;
  private readonly probe: Session;
  private readonly forwarder: Forwarder;
  private readonly queue = new CallQueue();
  private readonly layers = new Map<number, Layer>();
  private head: Part | null = null;
  private embedding: Matrix | null = null;
  private destroyed = false;
  private deviceGone = false;

  constructor(options: EngineOptions, runtime: OnnxRuntime, device: GPUDevice, probe: Session) {
    const { vendor, architecture } = device.adapterInfo;
    this.options = options;
    this.runtime = runtime;
    this.device = device;
    this.probe = probe;
    this.forwarder = new Forwarder(runtime, options.spec);
    this.adapter = `${[vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter'} (onnxruntime-web, WebGPU)`;
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ reason, message }) => {
        this.deviceGone = true;
        if (!this.destroyed)
          resolve(new AppError('device-lost', `The graphics device is gone (${reason || 'unknown'}): ${message}`));
      });
    });
  }

  async loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const { spec, contextLength } = this.options;
    const weights = await this.collect(LAYER_ROLES, tensors);
    const outputs = { [VALUES.output]: 'gpu-buffer' } as const;
    const part = await this.openPart(llamaGraph(spec, ropeTables(spec, contextLength), [weights]), outputs);
    const kv = new LayerKv(this.runtime, this.device, spec, contextLength);
    await this.place(part, () => {
      this.dropLayer(layer);
      this.layers.set(layer, { ...part, kv });
    });
  }

  async loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const weights = await this.collect(HEAD_ROLES, tensors);
    const part = await this.openPart(llamaGraph(this.options.spec, null, [], weights), { [VALUES.logits]: 'cpu' });
    await this.place(part, () => {
      if (this.head) this.runtime.release(this.head.session);
      this.head = part;
    });
  }

  async loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void> {
    const { token_embd } = await this.collect(EMBEDDING_ROLES, tensors);
    await this.queue.run(() => {
      this.embedding = toMatrix(token_embd);
    });
  }

  unloadLayer(layer: number): void {
    this.queue.apply(() => this.dropLayer(layer));
  }

  unloadHead(): void {
    this.queue.apply(() => {
      if (this.head) this.runtime.release(this.head.session);
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
    const memory = { weightBytes: (this.head?.weightBytes ?? 0) + (this.embedding?.bytes.length ?? 0), kvBytes: 0 };
    for (const { weightBytes, kv } of this.layers.values()) {
      memory.weightBytes += weightBytes;
      memory.kvBytes += kv.bytes;
    }
    return memory;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.queue.apply(() => {
      for (const layer of [...this.layers.keys()]) this.dropLayer(layer);
      if (this.head) this.runtime.release(this.head.session);
      this.head = null;
      this.embedding = null;
      this.runtime.release(this.probe);
    });
  }

  /** Copies: the graph of a part needs all of its tensors at once. */
  private async collect<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<Record<R, WeightTensor>> {
    this.checkAlive();
    const weights: Partial<Record<TensorRole, WeightTensor>> = {};
    for await (const tensor of wholeTensors(this.options.spec, roles, tensors)) weights[tensor.role] = tensor;
    return weights as Record<R, WeightTensor>;
  }

  private async openPart(graph: OnnxGraph, outputs: Record<string, 'cpu' | 'gpu-buffer'>): Promise<Part> {
    const session = await this.runtime.open(graph, outputs);
    return { session, weightBytes: graph.initializers.reduce((sum, { bytes }) => sum + bytes.length, 0) };
  }

  /** Between two forwards. */
  private async place(part: Part, change: () => void): Promise<void> {
    await this.queue.run(() => {
      if (!this.destroyed) return change();
      this.runtime.release(part.session);
      throw destroyedError();
    });
  }

  private dropLayer(index: number): void {
    const layer = this.layers.get(index);
    if (!layer) return;
    this.runtime.release(layer.session);
    layer.kv.destroy();
    this.layers.delete(index);
  }

  private checkAlive(): void {
    if (this.destroyed || this.deviceGone) throw destroyedError();
  }

  private async runForward(request: ForwardRequest): Promise<ForwardResult> {
    this.checkAlive();
    const runs = checkedRuns(this.options, request);
    const layers = this.loadedLayers(request.layers);
    if (request.head && !this.head) throw new AppError('stage-failed', 'the head is not loaded on this device');
    for (const { kv } of layers) for (const run of runs) checkNext(run.sequence, run.start, kv.lengthOf(run.sequence));
    const input = this.inputRows(request);
    try {
      return await this.forwarder.run(request, runs, { layers, head: this.head }, input);
    } catch (error) {
      for (const { sequence, start } of runs) this.cut(sequence, start, request.layers);
      throw error;
    }
  }

  /** (rows, dim) */
  private inputRows({ input }: ForwardRequest): Float32Array {
    if ('hidden' in input) return input.hidden;
    if (!this.embedding) throw new AppError('stage-failed', 'the embedding is not loaded on this device');
    const { dim } = this.options.spec;
    const rows = new Float32Array(input.tokens.length * dim);
    const values = new Float64Array(dim);
    for (const [row, token] of input.tokens.entries()) {
      expandRow(this.embedding, token, values);
      rows.set(values, row * dim);
    }
    return rows;
  }

  private loadedLayers(range: LayerRange): Layer[] {
    const missing = layersOf(range).filter((index) => !this.layers.has(index));
    if (missing.length > 0) throw new AppError('stage-failed', `layers ${missing.join(', ')} are not loaded on this device`);
    return layersOf(range).map((index) => this.layers.get(index)!);
  }

  private cut(sequence: SequenceKey, length: number, range?: LayerRange): void {
    for (const [index, { kv }] of this.layers) {
      if (!range || (index >= range.startLayer && index < range.endLayer)) kv.truncate(sequence, length);
    }
  }
}

function destroyedError(): AppError {
  return new AppError('device-lost', 'this engine is destroyed or its device is gone');
}
