import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { GpuContext } from './gpu-context.ts';
import { bind, dispatch, type Kernel } from './kernel.ts';
import { EMBED_THREADS, embedKernel } from './kernels/embed.ts';
import { WEIGHT_FORMATS } from './kernels/formats.ts';
import { blocksPerRow } from './kernels/matmul.ts';
import { NORM_QUADS } from './kernels/norm.ts';
import { SWIGLU_THREADS } from './kernels/swiglu.ts';
import { createShape, Matmul, type MatmulTarget } from './matmul.ts';
import { PartWeights } from './part-weights.ts';
import type { Scratch } from './scratch.ts';
import type { ShapeKernels } from './shape-kernels.ts';

/** Encodes one step over the first `tokens` rows of its buffers. */
export type EncodeStep = (pass: GPUComputePassEncoder, tokens: number) => void;

interface Part {
  weightBytes: number;
  destroy(): void;
}

/** A decoder layer on the device, as steps of a forward. Attention runs between `toQkv` and `fromMixed`. */
export interface LayerPart extends Part {
  /** qkv = Wqkv . norm(hidden) */
  toQkv: EncodeStep;
  /** hidden += Wo . mixed */
  fromMixed: EncodeStep;
  /** hidden += Wdown . swiglu(WgateUp . norm(hidden)) */
  feedForward: EncodeStep;
}

export interface HeadPart extends Part {
  /** logits = W . norm(headHidden) */
  toLogits: EncodeStep;
}

export interface EmbeddingPart extends Part {
  /** hidden = embedding of each of ids */
  embed: EncodeStep;
}

/** What parts are built on. */
export interface PartBase {
  gpu: GpuContext;
  spec: ModelSpec;
  kernels: ShapeKernels;
  scratch: Scratch;
}

/** @throws AppError model-malformed, out-of-memory, device-lost */
export async function loadLayerPart(base: PartBase, tensors: AsyncIterable<WeightTensor>): Promise<LayerPart> {
  const { gpu, spec, kernels, scratch } = base;
  const roles = {
    norms: ['attn_norm', 'ffn_norm'],
    stacks: [['attn_q', 'attn_k', 'attn_v'], ['attn_output'], ['ffn_gate', 'ffn_up'], ['ffn_down']],
  } as const;
  const weights = await PartWeights.load(gpu, spec, roles, tensors);
  const { hidden, normed, qkv, mixed, gateUp, activated, tokens } = scratch;
  const into = (input: GPUBuffer, output: GPUBuffer, outputStride: number, accumulate: boolean): MatmulTarget => {
    return { input, output, outputStride, accumulate, tokens };
  };
  const qkvDim = (spec.nHeads + 2 * spec.nKvHeads) * spec.headDim;
  const [toQkv, toHidden, toGateUp, toDown] = await createMatmuls(gpu, weights, [
    ['attn_q', into(normed, qkv, qkvDim, false)],
    ['attn_output', into(mixed, hidden, spec.dim, true)],
    ['ffn_gate', into(normed, gateUp, 2 * spec.ffnDim, false)],
    ['ffn_down', into(activated, hidden, spec.dim, true)],
  ]);
  const attnNorm = normStep(base, weights.norm('attn_norm'), hidden, normed);
  const ffnNorm = normStep(base, weights.norm('ffn_norm'), hidden, normed);
  const swiglu = rowStep(gpu, kernels.swiglu, [gateUp, activated], Math.ceil(spec.ffnDim / 4 / SWIGLU_THREADS));
  return {
    weightBytes: weights.bytes,
    toQkv: steps(attnNorm, toQkv!.encode),
    fromMixed: toHidden!.encode,
    feedForward: steps(ffnNorm, toGateUp!.encode, swiglu, toDown!.encode),
    destroy: () => destroyAll(weights, toQkv!, toHidden!, toGateUp!, toDown!),
  };
}

/** @throws AppError model-malformed, out-of-memory, device-lost */
export async function loadHeadPart(base: PartBase, tensors: AsyncIterable<WeightTensor>): Promise<HeadPart> {
  const { gpu, spec, scratch } = base;
  const weights = await PartWeights.load(gpu, spec, { norms: ['output_norm'], stacks: [['output']] }, tensors);
  const { headHidden, headNormed, logits, headTokens } = scratch;
  const target = { input: headNormed, output: logits, outputStride: spec.vocabSize, accumulate: false, tokens: headTokens };
  const matmul = await Matmul.create(gpu, weights.stack('output'), target);
  const norm = normStep(base, weights.norm('output_norm'), headHidden, headNormed);
  return {
    weightBytes: weights.bytes,
    toLogits: steps(norm, matmul.encode),
    destroy: () => destroyAll(weights, matmul),
  };
}

/** @throws AppError model-malformed, out-of-memory, device-lost */
export async function loadEmbeddingPart(base: PartBase, tensors: AsyncIterable<WeightTensor>): Promise<EmbeddingPart> {
  const { gpu, spec, scratch } = base;
  const weights = await PartWeights.load(gpu, spec, { norms: [], stacks: [['token_embd']] }, tensors);
  const runs = weights.stack('token_embd').runs();
  const shapes: GPUBuffer[] = [];
  const embeds = runs.map(async (run) => {
    const format = WEIGHT_FORMATS[run.type];
    const kernel = await gpu.kernel(embedKernel(format));
    const blocks = blocksPerRow(format, spec.dim);
    const shape = createShape(gpu, [run.firstRow, run.rows, blocks, 0, run.stackRow, 0]);
    shapes.push(shape);
    const resources = [run.quants, run.scales, scratch.ids, scratch.hidden, shape];
    return rowStep(gpu, kernel, resources, Math.ceil(blocks / EMBED_THREADS));
  });
  return {
    weightBytes: weights.bytes,
    embed: steps(...(await Promise.all(embeds))),
    destroy: () => destroyAll(weights, ...shapes),
  };
}

type NamedTarget = [role: Parameters<PartWeights['stack']>[0], target: MatmulTarget];

function createMatmuls(gpu: GpuContext, weights: PartWeights, targets: readonly NamedTarget[]): Promise<Matmul[]> {
  return Promise.all(targets.map(([role, target]) => Matmul.create(gpu, weights.stack(role), target)));
}

function normStep({ gpu, spec, kernels }: PartBase, gain: GPUBuffer, input: GPUBuffer, output: GPUBuffer): EncodeStep {
  return rowStep(gpu, kernels.norm, [gain, input, output], Math.ceil(spec.dim / 4 / NORM_QUADS));
}

/** A kernel whose grid is the same for every token. */
function rowStep(gpu: GpuContext, kernel: Kernel, resources: Parameters<typeof bind>[2], x: number): EncodeStep {
  const group = bind(gpu.device, kernel, resources);
  return (pass, tokens) => dispatch(pass, kernel, group, { x, y: tokens });
}

function steps(...all: EncodeStep[]): EncodeStep {
  return (pass, tokens) => {
    for (const step of all) step(pass, tokens);
  };
}

function destroyAll(...all: { destroy(): void }[]): void {
  for (const one of all) one.destroy();
}
