import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import type { AppError } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { checkedTensors } from '../checked-tensors.ts';
import { finishWork } from '../cpu/finish-work.ts';
import type { Work } from '../cpu/multiply.ts';
import { rotations } from '../cpu/rope.ts';
import { LayerKv } from '../layer-kv.ts';
import { type ForwardJob, type LayerPart, type Part, PartsEngine } from '../parts-engine.ts';
import type { EngineOptions, ForwardRequest, ForwardResult } from '../shard-engine.ts';
import { tensorShape } from '../tensor-shape.ts';
import { decoderLayer, type LayerInput, type LayerWeights } from './decoder-layer.ts';
import { type HeadWeights, runHead } from './head.ts';
import type { Heap } from './heap.ts';
import { bindKernels, type Kernels } from './kernels.ts';
import { KV_BLOCK_POSITIONS, SequenceKv } from './kv-cache.ts';
import { copyNormToHeap, fillOnHeap, reserveOnHeap, type WasmMatrix } from './matrix.ts';
import { allocateScratch, releaseScratch, type Scratch } from './scratch.ts';
import type { ThreadGroup } from './thread-group.ts';
import { allocateWorkspace, type Workspace } from './workspace.ts';

/** Compiled kernels, the memory that they work in, and who works beside this thread. */
export interface KernelBase {
  module: WebAssembly.Module;
  heap: Heap;
  threads: ThreadGroup | null;
}

interface WeightsPart<W> extends Part {
  weights: W;
}

interface Layer extends WeightsPart<LayerWeights>, LayerPart {
  kv: LayerKv<SequenceKv>;
}

type Head = WeightsPart<HeadWeights>;
type Embedding = WeightsPart<{ token_embd: WasmMatrix }>;
type Job = ForwardJob<Layer, Head, Embedding>;

/** The kernels take four values at a time and have no code for what is left over; no known model has any left over. */
export function fitsKernels({ dim, ffnDim, headDim }: ModelSpec): boolean {
  return [dim, ffnDim, headDim].every((size) => size % 4 === 0);
}

/** The loops of the CPU engine in 128-bit WebAssembly vectors, float32 throughout. */
export class WasmEngine extends PartsEngine<Layer, Head, Embedding> {
  readonly kind = 'cpu';
  readonly adapter: string;
  /** A processor is not lost. */
  readonly lost = new Promise<AppError>(() => {});

  private readonly heap: Heap;
  private readonly kernels: Kernels;
  private readonly threads: ThreadGroup | null;
  private readonly workspace: Workspace;

  /** The spec must fit the kernels. @throws AppError out-of-memory */
  constructor(options: EngineOptions, { module, heap, threads }: KernelBase, adapter: string) {
    super(options);
    this.adapter = adapter;
    this.heap = heap;
    this.threads = threads;
    this.kernels = bindKernels(module, heap.memory);
    this.workspace = allocateWorkspace(heap, options);
  }

  protected async makeLayer(tensors: AsyncIterable<WeightTensor>): Promise<Layer> {
    const part = await this.copyAll(LAYER_ROLES, tensors);
    const { nKvHeads, headDim } = this.options.spec;
    const kv = new LayerKv(() => new SequenceKv(this.heap, nKvHeads, headDim));
    const release = () => {
      part.release();
      kv.release();
    };
    return { ...part, kv, release };
  }

  protected makeHead(tensors: AsyncIterable<WeightTensor>): Promise<Head> {
    return this.copyAll(HEAD_ROLES, tensors);
  }

  protected makeEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<Embedding> {
    return this.copyAll(EMBEDDING_ROLES, tensors);
  }

  protected async run(job: Job): Promise<ForwardResult> {
    const scratch = this.scratchFor(job);
    try {
      return await finishWork(this.work(job, scratch));
    } finally {
      releaseScratch(this.heap, scratch);
    }
  }

  protected override released(): void {
    this.threads?.stop();
  }

  private async copyAll<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<WeightsPart<Record<R, WasmMatrix>>> {
    const matrices: Partial<Record<TensorRole, WasmMatrix>> = {};
    const release = () => {
      for (const { address } of Object.values(matrices)) this.heap.release(address);
    };
    try {
      for await (const tensor of checkedTensors(this.options.spec, roles, tensors))
        matrices[tensor.role] = this.place(tensor, matrices[tensor.role]);
    } catch (error) {
      release();
      throw error;
    }
    const weightBytes = Object.values(matrices).reduce((sum, matrix) => sum + matrix.weightBytes, 0);
    return { weights: matrices as Record<R, WasmMatrix>, weightBytes, release };
  }

  /** @param begun holds the pieces before this one */
  private place(tensor: WeightTensor, begun: WasmMatrix | undefined): WasmMatrix {
    if (tensor.role.endsWith('_norm')) return copyNormToHeap(this.heap, this.kernels, tensor);
    const { rows } = tensorShape(this.options.spec, tensor.role);
    const matrix = begun ?? reserveOnHeap(this.heap, tensor, rows);
    fillOnHeap(this.heap, matrix, tensor);
    return matrix;
  }

  private scratchFor({ request: { rows, head }, runs }: Job): Scratch {
    const kvBlocks = runs.reduce((sum, { start, rowCount }) => sum + Math.ceil((start + rowCount) / KV_BLOCK_POSITIONS), 0);
    const headRows = head?.length ?? 0;
    return allocateScratch(this.heap, { spec: this.options.spec, rows: rows.length, headRows, kvBlocks });
  }

  private *work({ request, runs, layers, head, embedding }: Job, scratch: Scratch): Work<ForwardResult> {
    const { heap, kernels, threads, workspace } = this;
    const { spec } = this.options;
    this.placeInput(request, embedding, scratch);
    const positions = request.rows.map(({ position }) => position);
    const rows = positions.length;
    const by = { kernels, threads, workspace };
    const input: LayerInput = { ...by, heap, spec, rows, runs, rotations: rotations(spec, positions), scratch };
    for (const { weights, kv } of layers) yield* decoderLayer(weights, kv, input);
    if (request.head && head) return { hidden: null, head: yield* runHead(head.weights, input, request.head) };
    return { hidden: heap.floats(scratch.hidden, rows * spec.dim).slice(), head: [] };
  }

  private placeInput({ input }: ForwardRequest, embedding: Embedding | null, { hidden }: Scratch): void {
    if ('hidden' in input) {
      this.heap.floats(hidden, input.hidden.length).set(input.hidden);
      return;
    }
    const { format, address, columns } = embedding!.weights.token_embd;
    for (const [row, token] of input.tokens.entries())
      this.kernels.expand(format, address, columns, token, token + 1, hidden + row * columns * 4);
  }
}
