import type { QuantType } from '../../gguf/quant.ts';
import { type GpuContext, openGpu } from './gpu-context.ts';
import { WEIGHT_FORMATS } from './kernels/formats.ts';
import { ProductBench } from './product-bench.ts';
import { productSources } from './product-sources.ts';
import type { TuningStore } from './tuning-store.ts';
import { candidates, type KernelVariant, type VariantChoices } from './variants.ts';

/** What the products of a model look like. */
export interface TuningShape {
  /** Format of most of its weights. */
  type: QuantType;
  dim: number;
  ffnDim: number;
}

export interface TuningOptions {
  /** About how long it may take, ms; the first candidate of each kind is measured in any case. */
  budgetMs: number;
  /** A clock, ms. */
  now(): number;
  store: TuningStore;
}

export const TUNING_BUDGET_MS = 1000;
/** An adapter on the processor has little to choose from, and the processor itself mostly takes its place. */
const BUDGET_MS_ON_PROCESSOR = 300;
/** Of the budget, for one token; the rest is for several. */
const ONE_SHARE = 0.5;
/** Tokens of a prefill chunk. */
const MANY = 32;
/** Of the matrix that is multiplied. An adapter on the processor is slow, but the same with little as with much. */
const MAX_WEIGHTS = 2 ** 23;
const MAX_WEIGHTS_ON_PROCESSOR = 2 ** 18;
/** Two scales share a word, and rows are uploaded in eights. */
const ROW_STEP = 8;

/**
 * Measures which variant multiplies fastest on this device, or remembers it: by adapter, shape and the text of the kernels,
 * so that no result outlives the kernels that it was measured on.
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
interface Picked {
  one: number;
  many: number;
}

async function measure(gpu: GpuContext, shape: TuningShape, choices: VariantChoices, options: TuningOptions): Promise<Picked> {
  const { now } = options;
  const budgetMs = gpu.isFallbackAdapter ? Math.min(options.budgetMs, BUDGET_MS_ON_PROCESSOR) : options.budgetMs;
  const startMs = now();
  const bench = await ProductBench.create(gpu, { ...matrixOf(gpu, shape), maxTokens: MANY }, now);
  try {
    const base = { one: choices.one[0]!, many: choices.many[0]!, rows: choices.rows };
    const one = await bench.fastest(
      choices.one.map((tile) => ({ ...base, one: tile })),
      1,
      startMs + ONE_SHARE * budgetMs,
    );
    const many = await bench.fastest(
      choices.many.map((tile) => ({ ...base, many: tile })),
      MANY,
      startMs + budgetMs,
    );
    return { one, many };
  } finally {
    bench.destroy();
  }
}

/** Gate and up, the largest product of a layer, or as much of it as there is time for. */
function matrixOf(gpu: GpuContext, { type, dim, ffnDim }: TuningShape) {
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
  const one = choices.one[picked?.one ?? -1];
  const many = choices.many[picked?.many ?? -1];
  return one && many ? { one, many, rows: choices.rows } : null;
}

function tuningKey(gpu: GpuContext, { type, dim, ffnDim }: TuningShape, choices: VariantChoices): string {
  const texts = productSources(WEIGHT_FORMATS[type], choices).map(({ wgsl }) => wgsl);
  return `${gpu.adapter} ${type} ${dim}x${ffnDim} ${hash(texts.join()).toString(16)}`;
}

/** FNV-1a: nobody gains by making two texts collide. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
