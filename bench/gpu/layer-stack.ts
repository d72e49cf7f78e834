import { randomLayer } from '../../src/engine/random-weights.ts';
import type { ShardEngine } from '../../src/engine/shard-engine.ts';
import { uniformTypes } from '../../src/engine/tensor-shape.ts';
import type { GpuContext } from '../../src/engine/webgpu/gpu-context.ts';
import { createWebGpuEngine } from '../../src/engine/webgpu/webgpu-engine.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';
import { median } from '../engine/contestant.ts';
import type { GpuClock, Span } from '../engine/gpu-clock.ts';

const ROUNDS = 7;
const CONTEXT = 16;
const PREFILLS = [32, 128, 512];
const SEED = 5;

export interface StackOptions {
  dim: number;
  nLayers: number;
}

export interface StackResult {
  shape: string;
  weightBytes: number;
  /** Of the kernels of one token through all layers, ms. */
  decodeMs: number;
  decodeGigabytesPerSecond: number;
  prefill: { rows: number; ms: number; teraflops: number }[];
  /** Of one token, the costly ones first. */
  kernels: { label: string; count: number; ms: number; share: number }[];
}

/** Layers in the proportions of Llama 2 7B with random Q4_0 weights, timed by the device's own clock. */
export async function measureStack(gpu: GpuContext, clock: GpuClock, { dim, nLayers }: StackOptions): Promise<StackResult> {
  const spec = stackSpec(dim, nLayers);
  const types = uniformTypes('Q4_0');
  const engine = await createWebGpuEngine({ spec, contextLength: Math.max(...PREFILLS) + CONTEXT }, gpu);
  for (let layer = 0; layer < nLayers; layer++) await engine.loadLayer(layer, randomLayer(spec, types, layer, SEED));
  const { weightBytes } = engine.memory();
  const time = (rows: number) => medianSpans(engine, clock, spec, rows);
  const decodeMs = total(await time(1));
  const prefill: StackResult['prefill'] = [];
  const flopsPerRow = 2 * nLayers * (4 * dim * dim + 3 * dim * spec.ffnDim);
  for (const rows of gpu.isFallbackAdapter ? PREFILLS.slice(0, 1) : PREFILLS) {
    const ms = total(await time(rows));
    prefill.push({ rows, ms, teraflops: (rows * flopsPerRow) / ms / 1e9 });
  }
  clock.each = 'dispatch';
  const kernels = byKernel(await time(1));
  clock.each = 'pass';
  engine.destroy();
  const shape = `${nLayers} layers of dim ${dim}, feed-forward ${spec.ffnDim}`;
  return { shape, weightBytes, decodeMs, decodeGigabytesPerSecond: weightBytes / decodeMs / 1e6, prefill, kernels };
}

export function stackSpec(dim: number, nLayers: number): ModelSpec {
  const headDim = 128;
  const nHeads = dim / headDim;
  return {
    name: 'stack',
    architecture: 'llama',
    quantisation: 'Q4_0',
    dim,
    nLayers,
    nHeads,
    nKvHeads: nHeads,
    headDim,
    ropeDim: headDim,
    ffnDim: Math.round((dim * 11_008) / 4096 / 32) * 32,
    vocabSize: 32,
    contextLength: 4096,
    ropeTheta: 10_000,
    rmsEps: 1e-5,
    tiedHead: false,
    layerBytes: [],
    embeddingBytes: 0,
    headBytes: 0,
  };
}

/** The spans of the middle one of several forwards of `rows` rows behind a short context. */
async function medianSpans(engine: ShardEngine, clock: GpuClock, spec: ModelSpec, rows: number): Promise<Span[]> {
  const forward = async (start: number, count: number) => {
    await engine.forward({
      rows: Array.from({ length: count }, (_, i) => ({ sequence: 'stack', position: start + i })),
      input: { hidden: Float32Array.from({ length: count * spec.dim }, (_, i) => Math.sin(i)) },
      layers: { startLayer: 0, endLayer: spec.nLayers },
      head: null,
    });
  };
  await forward(0, CONTEXT);
  const rounds: Span[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    clock.start();
    await forward(CONTEXT, rows);
    rounds.push(await clock.spans());
    engine.truncate('stack', CONTEXT);
  }
  engine.freeSequence('stack');
  const middle = median(rounds.slice(1).map(total));
  return rounds.slice(1).reduce((best, one) => (Math.abs(total(one) - middle) < Math.abs(total(best) - middle) ? one : best));
}

function byKernel(spans: readonly Span[]): StackResult['kernels'] {
  const sums = new Map<string, { count: number; ms: number }>();
  for (const { label, ms } of spans) {
    const sum = sums.get(label) ?? { count: 0, ms: 0 };
    sums.set(label, { count: sum.count + 1, ms: sum.ms + ms });
  }
  const all = total(spans);
  return [...sums].map(([label, { count, ms }]) => ({ label, count, ms, share: ms / all })).sort((a, b) => b.ms - a.ms);
}

function total(spans: readonly Span[]): number {
  return spans.reduce((sum, { ms }) => sum + ms, 0);
}
