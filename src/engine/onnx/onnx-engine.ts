import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { wholeTensors } from '../checked-tensors.ts';
import { embed } from '../cpu/embed.ts';
import { type Matrix, toMatrix } from '../cpu/matrix.ts';
import { destroyedError, type ForwardJob, type LayerPart, type Part, PartsEngine } from '../parts-engine.ts';
import type { EngineOptions, ForwardResult, ShardEngine } from '../shard-engine.ts';
import { Forwarder } from './forward.ts';
import { LayerKv } from './kv-cache.ts';
import { llamaGraph, VALUES } from './llama-graph.ts';
import type { OnnxGraph } from './onnx-model.ts';
import { ropeTables } from './rope-tables.ts';
import { loadRuntime, type OnnxRuntime, type Session } from './runtime.ts';

interface SessionPart extends Part {
  session: Session;
}

interface Layer extends SessionPart, LayerPart {
  kv: LayerKv;
}

interface Embedding extends Part {
  matrix: Matrix;
}

type Job = ForwardJob<Layer, SessionPart, Embedding>;

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
  const detail = `onnxruntime-web runs heads of a multiple of 16 that are rotated whole; ${got}`;
  throw new AppError('model-malformed', detail, { values: { detail } });
}

function probeGraph(): OnnxGraph {
  const value = (name: string) => ({ name, type: 'float32' as const, dims: [1] });
  const nodes = [{ operator: 'Add', inputs: ['a', 'a'], outputs: ['b'] }];
  return { nodes, initializers: [], inputs: [value('a')], outputs: [value('b')] };
}

class OnnxEngine extends PartsEngine<Layer, SessionPart, Embedding> {
  readonly kind = 'onnx';
  readonly adapter: string;
  readonly lost: Promise<AppError>;
  private readonly runtime: OnnxRuntime;
  private readonly device: GPUDevice;
  private readonly probe: Session;
  private readonly forwarder: Forwarder;
  private deviceGone = false;

  constructor(options: EngineOptions, runtime: OnnxRuntime, device: GPUDevice, probe: Session) {
    super(options);
    const { vendor, architecture } = device.adapterInfo;
    this.runtime = runtime;
    this.device = device;
    this.probe = probe;
    this.forwarder = new Forwarder(runtime, options.spec);
    this.adapter = `${[vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter'} (onnxruntime-web, WebGPU)`;
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ reason, message }) => {
        this.deviceGone = true;
        if (!this.isDestroyed)
          resolve(new AppError('device-lost', `The graphics device is gone (${reason || 'unknown'}): ${message}`));
      });
    });
  }

  protected async makeLayer(tensors: AsyncIterable<WeightTensor>): Promise<Layer> {
    const { spec, contextLength } = this.options;
    const weights = await this.collect(LAYER_ROLES, tensors);
    const graph = llamaGraph(spec, ropeTables(spec, contextLength), [weights]);
    const part = await this.openPart(graph, { [VALUES.output]: 'gpu-buffer' });
    const kv = new LayerKv(this.runtime, this.device, spec, contextLength);
    const release = () => {
      part.release();
      kv.destroy();
    };
    return { ...part, kv, release };
  }

  protected async makeHead(tensors: AsyncIterable<WeightTensor>): Promise<SessionPart> {
    const weights = await this.collect(HEAD_ROLES, tensors);
    return this.openPart(llamaGraph(this.options.spec, null, [], weights), { [VALUES.logits]: 'cpu' });
  }

  protected async makeEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<Embedding> {
    const matrix = toMatrix((await this.collect(EMBEDDING_ROLES, tensors)).token_embd);
    return { matrix, weightBytes: matrix.bytes.length, release() {} };
  }

  protected run({ request, runs, layers, head, embedding }: Job): Promise<ForwardResult> {
    const { input } = request;
    const rows = 'hidden' in input ? input.hidden : embed(embedding!.matrix, input.tokens);
    return this.forwarder.run(request, runs, { layers, head }, rows);
  }

  protected override released(): void {
    this.runtime.release(this.probe);
  }

  protected override checkAlive(): void {
    super.checkAlive();
    if (this.deviceGone) throw destroyedError();
  }

  /** The graph of a part needs all of its tensors at once. */
  private async collect<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<Record<R, WeightTensor>> {
    this.checkAlive();
    const weights: Partial<Record<TensorRole, WeightTensor>> = {};
    for await (const tensor of wholeTensors(this.options.spec, roles, tensors)) weights[tensor.role] = tensor;
    return weights as Record<R, WeightTensor>;
  }

  private async openPart(graph: OnnxGraph, outputs: Record<string, 'cpu' | 'gpu-buffer'>): Promise<SessionPart> {
    const session = await this.runtime.open(graph, outputs);
    const weightBytes = graph.initializers.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return { session, weightBytes, release: () => this.runtime.release(session) };
  }
}
