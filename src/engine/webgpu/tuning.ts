import type { QuantType } from '../../gguf/quant.ts';
import { PREFILL_CHUNK_ROWS } from '../../shared/model/limits.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { KeptValues } from '../kept-values.ts';
import { type GpuContext, openGpu } from './gpu-context.ts';
import { mixKernel, scoreKernel } from './kernels/attention.ts';
import { flashAttentionKernel } from './kernels/flash-attention.ts';
import { WEIGHT_FORMATS } from './kernels/formats.ts';
import { rotateKernel } from './kernels/rotate.ts';
import { ProductBench } from './product-bench.ts';
import { productSources } from './product-sources.ts';
import { attentionMs } from './rows-bench.ts';
import { candidates, type KernelVariant, type VariantChoices } from './variants.ts';

/** What there is to compute. */
export interface TuningShape {
  /** Format of most of the model's weights. */
  type: QuantType;
  spec: ModelSpec;
}

export interface TuningOptions {
  /** About how long it may take, ms; the first candidate of each kind is measured in any case. */
  budgetMs: number;
  /** A clock, ms. */
  now(): number;
  store: KeptValues;
}

export const TUNING_BUDGET_MS = 1000;
/** An adapter on the processor has little to choose from, and the processor itself mostly takes its place. */
const BUDGET_MS_ON_PROCESSOR = 300;
/** Of the budget: until when products of one token and then of several are tried. What is left is for attention. */
const ONE_SHARE = 0.45;
const MANY_SHARE = 0.85;
/** Of the matrix that is multiplied. An adapter on the processor is slow, but the same with little as with much. */
const MAX_WEIGHTS = 2 ** 23;
const MAX_WEIGHTS_ON_PROCESSOR = 2 ** 18;
/** Two scales share a word, and rows are uploaded in eights. */
const ROW_STEP = 8;

/**
 * Measures which variant is fastest on this device, or remembers it: by adapter, shape and the text of the kernels, so that no
 * result outlives the kernels that it was measured on.
 *
 * A variant whose products differ in a single bit from the barrier-free ones is out, whatever its speed: the order of sums is
 * ours to keep, but a compiler may disagree.
 *
 * @throws AppError device-lost, out-of-memory, internal
 */
export async function tunedVariant(gpu: GpuContext, shape: TuningShape, options: TuningOptions): Promise<KernelVariant> {
  const choices = candidates(gpu);
  const key = tuningKey(gpu, shape, choices);
  const known = rememberedVariant(await options.store.get(key), choices);
  if (known) return known;
  const picked = await measure(gpu, shape, choices, options);
  await options.store.put(key, JSON.stringify(picked));
  return chosen(choices, picked)!;
}

/** The same for a device that is opened only for that. @throws AppError no-webgpu too */
export async function tuneWebGpu(shape: TuningShape, options: TuningOptions): Promise<KernelVariant> {
  const gpu = await openGpu();
  try {
    return await tunedVariant(gpu, shape, options);
  } finally {
    gpu.destroy();
  }
}

/** Places in the lists of candidates. */
type Picked = Record<keyof VariantChoices, number>;

async function measure(gpu: GpuContext, shape: TuningShape, choices: VariantChoices, options: TuningOptions): Promise<Picked> {
  const { now } = options;
  const budgetMs = gpu.isFallbackAdapter ? Math.min(options.budgetMs, BUDGET_MS_ON_PROCESSOR) : options.budgetMs;
  const startMs = now();
  const base = { one: choices.one[0]!, many: choices.many[0]!, rows: choices.rows[0]! };
  const bench = await ProductBench.create(gpu, { ...matrixOf(gpu, shape), maxTokens: PREFILL_CHUNK_ROWS }, now);
  try {
    const ones = choices.one.map((one) => ({ ...base, one }));
    const one = await bench.fastest(ones, 1, startMs + ONE_SHARE * budgetMs);
    const manies = choices.many.map((many) => ({ ...base, many }));
    const many = await bench.fastest(manies, PREFILL_CHUNK_ROWS, startMs + MANY_SHARE * budgetMs);
    const isTime = now() - startMs < budgetMs;
    const rows = isTime ? await fastestRows(gpu, shape.spec, base, choices.rows, now) : 0;
    return { one, many, rows };
  } finally {
    bench.destroy();
  }
}

async function fastestRows(
  gpu: GpuContext,
  spec: ModelSpec,
  base: KernelVariant,
  choices: VariantChoices['rows'],
  now: () => number,
): Promise<number> {
  if (choices.length === 1) return 0;
  const times: number[] = [];
  for (const rows of choices) times.push(await attentionMs({ ...gpu, variant: { ...base, rows } }, spec, now));
  return times.indexOf(Math.min(...times));
}

/** Gate and up, the largest product of a layer, or as much of it as there is time for. */
function matrixOf(gpu: GpuContext, { type, spec }: TuningShape) {
  const { dim, ffnDim } = spec;
  const maxRows = (gpu.isFallbackAdapter ? MAX_WEIGHTS_ON_PROCESSOR : MAX_WEIGHTS) / dim;
  const rows = Math.max(ROW_STEP, Math.floor(Math.min(2 * ffnDim, maxRows) / ROW_STEP) * ROW_STEP);
  return { type, rows, columns: dim };
}

/** Null where nothing, or nothing that can be, was remembered: the store is the browser's, and old. */
export function rememberedVariant(text: string | null, choices: VariantChoices): KernelVariant | null {
  try {
    return text === null ? null : chosen(choices, JSON.parse(text) as Partial<Picked> | null);
  } catch {
    return null;
  }
}

function chosen(choices: VariantChoices, picked: Partial<Picked> | null): KernelVariant | null {
  const one = choices.one[Number(picked?.one)];
  const many = choices.many[Number(picked?.many)];
  const rows = choices.rows[Number(picked?.rows)];
  return one && many && rows ? { one, many, rows } : null;
}

function tuningKey(gpu: GpuContext, { type, spec }: TuningShape, choices: VariantChoices): string {
  const shape = { ...spec, contextLength: 1 };
  const sources = [
    ...productSources(WEIGHT_FORMATS[type], choices),
    ...choices.rows.map((form) => rotateKernel(shape, form)),
    scoreKernel(shape),
    mixKernel(shape),
    flashAttentionKernel(shape),
  ];
  const texts = sources.map(({ wgsl }) => wgsl);
  return `${gpu.adapter} ${type} ${spec.dim}x${spec.ffnDim} ${hash(texts.join()).toString(16)}`;
}

/** FNV-1a: nobody gains by making two texts collide. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
