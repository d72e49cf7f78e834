import type { TensorRole, WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { LayerKv } from '../layer-kv.ts';
import type { LayerPart as KeptLayer, Part } from '../parts-engine.ts';
import type { GpuContext } from './gpu-context.ts';
import { rowStep, type Step } from './kernel.ts';
import { EMBED_THREADS, embedKernel } from './kernels/embed.ts';
import { blocksPerRow, WEIGHT_FORMATS } from './kernels/formats.ts';
import { NORM_QUADS, NORM_THREADS } from './kernels/norm.ts';
import { SWIGLU_THREADS } from './kernels/swiglu.ts';
import { SequenceKv } from './kv-cache.ts';
import { createShape, Matmul, type MatmulTarget } from './matmul.ts';
import type { MatrixStack } from './matrix-stack.ts';
import { type PartRoles, PartWeights } from './part-weights.ts';
import type { Scratch } from './scratch.ts';
import type { ShapeKernels } from './shape-kernels.ts';

/** A decoder layer on the device, as steps of a forward. */
export interface LayerPart extends KeptLayer {
  kv: LayerKv<SequenceKv>;
  /** qkv = Wqkv . norm(hidden) */
  beforeAttention: readonly Step[];
  /** hidden += Wo . mixed, then hidden += Wdown . swiglu(WgateUp . norm(hidden)) */
  afterAttention: readonly Step[];
}

export interface HeadPart extends Part {
  /** logits = W . norm(headHidden) */
  toLogits: readonly Step[];
}

export interface EmbeddingPart extends Part {
  /** hidden = embedding of each of ids */
  embed: readonly Step[];
}

/** What parts are built on. */
export interface PartBase {
  gpu: GpuContext;
  spec: ModelSpec;
  kernels: ShapeKernels;
  scratch: Scratch;
}

const LAYER: PartRoles = {
  norms: ['attn_norm', 'ffn_norm'],
  stacks: [['attn_q', 'attn_k', 'attn_v'], ['attn_output'], ['ffn_gate', 'ffn_up'], ['ffn_down']],
};
const HEAD: PartRoles = { norms: ['output_norm'], stacks: [['output']] };
const EMBEDDING: PartRoles = { norms: [], stacks: [['token_embd']] };

type Tensors = AsyncIterable<WeightTensor>;

/** @throws AppError model-malformed, out-of-memory, device-lost */
export function loadLayerPart(base: PartBase, tensors: Tensors): Promise<LayerPart> {
  return loadPart(base, LAYER, tensors, buildLayer);
}

/** @throws AppError model-malformed, out-of-memory, device-lost */
export function loadHeadPart(base: PartBase, tensors: Tensors): Promise<HeadPart> {
  return loadPart(base, HEAD, tensors, buildHead);
}

/** @throws AppError model-malformed, out-of-memory, device-lost */
export function loadEmbeddingPart(base: PartBase, tensors: Tensors): Promise<EmbeddingPart> {
  return loadPart(base, EMBEDDING, tensors, buildEmbedding);
}

async function loadPart<P>(
  base: PartBase,
  roles: PartRoles,
  tensors: Tensors,
  build: (base: PartBase, weights: PartWeights) => Promise<P>,
): Promise<P> {
  const weights = await PartWeights.load(base.gpu, base.spec, roles, tensors);
  try {
    return await build(base, weights);
  } catch (thrown) {
    weights.destroy();
    throw thrown;
  }
}

async function buildLayer(base: PartBase, weights: PartWeights): Promise<LayerPart> {
  const { gpu, spec, scratch } = base;
  const { hidden, normed, qkv, mixed, activated, tokens } = scratch;
  const product = (role: TensorRole, target: Omit<MatmulTarget, 'tokens'>) =>
    Matmul.create(gpu, weights.stack(role), { ...target, tokens });
  const qkvDim = (spec.nHeads + 2 * spec.nKvHeads) * spec.headDim;
  const [toQkv, toHidden, toActivated, toDown] = await Promise.all([
    product('attn_q', { input: normed, output: qkv, outputStride: qkvDim, accumulate: false }),
    product('attn_output', { input: mixed, output: hidden, outputStride: spec.dim, accumulate: true }),
    buildGate(base, weights.stack('ffn_gate')),
    product('ffn_down', { input: activated, output: hidden, outputStride: spec.dim, accumulate: true }),
  ]);
  const attnNorm = normStep(base, weights.norm('attn_norm'), hidden, normed);
  const ffnNorm = normStep(base, weights.norm('ffn_norm'), hidden, normed);
  const kv = new LayerKv(() => new SequenceKv());
  return {
    weightBytes: weights.bytes,
    kv,
    beforeAttention: [attnNorm, ...toQkv.steps],
    afterAttention: [...toHidden.steps, ffnNorm, ...toActivated.steps, ...toDown.steps],
    release: () => {
      destroyAll(weights, toQkv, toHidden, toActivated, toDown);
      kv.release();
    },
  };
}

/** activated = silu(Wgate . normed) * (Wup . normed): in one kernel where one run has both, else in two. */
async function buildGate(
  { gpu, spec, kernels, scratch }: PartBase,
  stack: MatrixStack,
): Promise<Pick<Matmul, 'steps' | 'destroy'>> {
  const { normed, gateUp, activated, tokens } = scratch;
  const { ffnDim } = spec;
  const target = { input: normed, tokens, accumulate: false };
  if (gpu.fusesGate && stack.runs().length === 1) {
    return Matmul.create(gpu, stack, { ...target, output: activated, outputStride: ffnDim, outcome: 'gated' });
  }
  const toGateUp = await Matmul.create(gpu, stack, { ...target, output: gateUp, outputStride: 2 * ffnDim });
  const swiglu = rowStep(gpu, kernels.swiglu, [gateUp, activated], Math.ceil(ffnDim / 4 / SWIGLU_THREADS));
  return { steps: [...toGateUp.steps, swiglu], destroy: () => toGateUp.destroy() };
}

async function buildHead(base: PartBase, weights: PartWeights): Promise<HeadPart> {
  const { gpu, spec, scratch } = base;
  const { headHidden, headNormed, logits, headTokens } = scratch;
  const target = { input: headNormed, output: logits, outputStride: spec.vocabSize, accumulate: false, tokens: headTokens };
  const matmul = await Matmul.create(gpu, weights.stack('output'), target);
  const norm = normStep(base, weights.norm('output_norm'), headHidden, headNormed);
  return {
    weightBytes: weights.bytes,
    toLogits: [norm, ...matmul.steps],
    release: () => destroyAll(weights, matmul),
  };
}

async function buildEmbedding({ gpu, spec, scratch }: PartBase, weights: PartWeights): Promise<EmbeddingPart> {
  const shapes: GPUBuffer[] = [];
  const embeds = weights
    .stack('token_embd')
    .runs()
    .map(async (run) => {
      const format = WEIGHT_FORMATS[run.type];
      const kernel = await gpu.kernel(embedKernel(format));
      const blocks = blocksPerRow(format, spec.dim);
      const shape = createShape(gpu, [run.firstRow, run.rows, blocks, 0, run.stackRow]);
      shapes.push(shape);
      return rowStep(
        gpu,
        kernel,
        [run.quants, run.scales, scratch.ids, scratch.hidden, shape],
        Math.ceil(blocks / EMBED_THREADS),
      );
    });
  return {
    weightBytes: weights.bytes,
    embed: await Promise.all(embeds),
    release: () => destroyAll(weights, ...shapes),
  };
}

function normStep({ gpu, spec, kernels }: PartBase, gain: GPUBuffer, input: GPUBuffer, output: GPUBuffer): Step {
  const groups = gpu.variant.rows === 'cooperative' ? 1 : Math.ceil(spec.dim / 4 / NORM_QUADS / NORM_THREADS);
  return rowStep(gpu, kernels.norm, [gain, input, output], groups);
}

function destroyAll(...all: { destroy(): void }[]): void {
  for (const one of all) one.destroy();
}
