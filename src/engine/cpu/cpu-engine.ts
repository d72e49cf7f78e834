import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../../gguf/weight-tensor.ts';
import { AppError } from '../../shared/errors.ts';
import { wholeTensors } from '../checked-tensors.ts';
import { LayerKv } from '../layer-kv.ts';
import { type ForwardJob, type LayerPart, type Part, PartsEngine } from '../parts-engine.ts';
import type { EngineOptions, ForwardResult, ShardEngine } from '../shard-engine.ts';
import { decoderLayer, type LayerWeights, scratchFor } from './decoder-layer.ts';
import { describeProcessor } from './describe-processor.ts';
import { embed } from './embed.ts';
import { finishWork } from './finish-work.ts';
import { type HeadWeights, runHead } from './head.ts';
import { SequenceKv } from './kv-cache.ts';
import { type Matrix, toMatrix } from './matrix.ts';
import type { Work } from './multiply.ts';
import { rotations } from './rope.ts';

interface WeightsPart<W> extends Part {
  weights: W;
}

interface Layer extends WeightsPart<LayerWeights>, LayerPart {
  kv: LayerKv<SequenceKv>;
}

type Job = ForwardJob<Layer, WeightsPart<HeadWeights>, WeightsPart<{ token_embd: Matrix }>>;

/** Plain TypeScript on typed arrays: the oracle of the other engines, and the fallback of a browser without WebGPU. */
export function createCpuEngine(options: EngineOptions): Promise<ShardEngine> {
  return Promise.resolve(new CpuEngine(options));
}

class CpuEngine extends PartsEngine<Layer, WeightsPart<HeadWeights>, WeightsPart<{ token_embd: Matrix }>> {
  readonly kind = 'cpu';
  readonly adapter = describeProcessor('plain TypeScript');
  /** A processor is not lost. */
  readonly lost = new Promise<AppError>(() => {});

  protected async makeLayer(tensors: AsyncIterable<WeightTensor>): Promise<Layer> {
    const { nKvHeads, headDim } = this.options.spec;
    return { ...(await this.copyAll(LAYER_ROLES, tensors)), kv: new LayerKv(() => new SequenceKv(nKvHeads, headDim)) };
  }

  protected makeHead(tensors: AsyncIterable<WeightTensor>): Promise<WeightsPart<HeadWeights>> {
    return this.copyAll(HEAD_ROLES, tensors);
  }

  protected makeEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<WeightsPart<{ token_embd: Matrix }>> {
    return this.copyAll(EMBEDDING_ROLES, tensors);
  }

  protected run(job: Job): Promise<ForwardResult> {
    return finishWork(this.work(job));
  }

  private async copyAll<R extends TensorRole>(
    roles: readonly R[],
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<WeightsPart<Record<R, Matrix>>> {
    const matrices: Partial<Record<TensorRole, Matrix>> = {};
    let weightBytes = 0;
    try {
      for await (const tensor of wholeTensors(this.options.spec, roles, tensors)) {
        matrices[tensor.role] = toMatrix(tensor);
        weightBytes += tensor.bytes.length;
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new AppError('out-of-memory', `no memory for weights beside ${this.memory().weightBytes} bytes`, { cause: error });
    }
    // What nothing refers to is collected.
    return { weights: matrices as Record<R, Matrix>, weightBytes, release() {} };
  }

  private *work({ request, runs, layers, head, embedding }: Job): Work<ForwardResult> {
    const { spec } = this.options;
    const { input, rows } = request;
    // (rows, dim), a copy that the layers may change
    const hidden = 'hidden' in input ? input.hidden.slice() : embed(embedding!.weights.token_embd, input.tokens);
    const scratch = scratchFor(spec, rows.length);
    const table = rotations(
      spec,
      rows.map(({ position }) => position),
    );
    for (const { weights, kv } of layers) yield* decoderLayer(weights, kv, { spec, runs, hidden, rotations: table, scratch });
    if (!request.head || !head) return { hidden, head: [] };
    return { hidden: null, head: yield* runHead(spec, head.weights, hidden, request.head) };
  }
}
