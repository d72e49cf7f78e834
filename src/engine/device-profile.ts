import { rowBytes } from '../gguf/quant.ts';
import { LAYER_ROLES } from '../gguf/weight-tensor.ts';
import type { DeviceProfile } from '../shared/model/device-profile.ts';
import { PREFILL_CHUNK_ROWS } from '../shared/model/limits.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { meanRounds } from './mean-rounds.ts';
import { randomHead, randomLayer } from './random-weights.ts';
import { askRows, type EngineOptions, type ForwardRequest, type ShardEngine } from './shard-engine.ts';
import { type TensorTypes, tensorShape } from './tensor-shape.ts';

/** What an engine measured; how much the device lends is for its owner to say. */
export type EngineProfile = Omit<DeviceProfile, 'lendBytes'>;

export interface MeasureOptions {
  /** About how long the timed part may take on a device of ordinary speed, ms. */
  budgetMs: number;
  /** A clock, ms. */
  now: () => number;
}

export const MEASURE_BUDGET_MS = 1000;
/** Several layers tell the cost of a layer from the cost of a forward, but only small ones are worth the memory. */
const MEASURED_LAYERS = 4;
const MEASURED_LAYERS_BYTES = 32 * 2 ** 20;
/** Of the output matrix; what it takes grows with its rows, so a part of them tells enough. */
const MAX_HEAD_WEIGHTS = 2 ** 23;
/** Characters of what a profile says to people. */
const MAX_TEXT = 120;
const CONTEXT_LENGTH = 64;
const SEQUENCE = 'measure';
const SEED = 1;

/**
 * Times an engine on random weights of a model's own shape and formats, before any real ones are there, and frees them.
 *
 * A forward over n layers takes overhead + n * layer; the profile is that line through the means for few and more
 * layers. A slow device takes fewer samples and shorter chunks instead of more time.
 *
 * @throws AppError out-of-memory, device-lost, and what the factory throws
 */
export async function measureDevice(
  createEngine: (options: EngineOptions) => Promise<ShardEngine>,
  spec: ModelSpec,
  types: TensorTypes,
  { budgetMs, now }: MeasureOptions,
): Promise<EngineProfile> {
  const nLayers = measuredLayers(spec, types);
  const vocabSize = Math.max(1, Math.min(spec.vocabSize, Math.floor(MAX_HEAD_WEIGHTS / spec.dim)));
  const small: ModelSpec = { ...spec, nLayers, vocabSize, tiedHead: false };
  const engine = await createEngine({ spec: small, contextLength: CONTEXT_LENGTH });
  try {
    for (let layer = 0; layer < nLayers; layer++) await engine.loadLayer(layer, randomLayer(small, types, layer, SEED));
    const decode = await measureDecode(engine, small, budgetMs * 0.4, now);
    const prefillLayerMsPerToken = await measurePrefill(engine, small, decode, budgetMs * 0.35, now);
    await engine.loadHead(randomHead(small, types, SEED));
    const headMs = await measureHead(engine, small, decode, budgetMs * 0.25, now);
    return {
      engine: engine.kind,
      adapter: engine.adapter.slice(0, MAX_TEXT),
      ...(engine.variant === undefined ? {} : { variant: engine.variant.slice(0, MAX_TEXT) }),
      ...decode,
      prefillLayerMsPerToken,
      headMs: (headMs * spec.vocabSize) / vocabSize,
    };
  } finally {
    engine.destroy();
  }
}

type DecodeCost = Pick<EngineProfile, 'decodeLayerMs' | 'forwardOverheadMs'>;

/** Between the fewest layers that cost anything to run and all that are loaded: 1 and n, or 0 and 1. */
async function measureDecode(engine: ShardEngine, spec: ModelSpec, budgetMs: number, now: () => number): Promise<DecodeCost> {
  const fewLayers = spec.nLayers > 1 ? 1 : 0;
  await engine.forward(request(spec, 1, spec.nLayers, 0));
  const step = (layers: number) => async () => {
    await engine.forward(request(spec, 1, layers, 1));
    engine.truncate(SEQUENCE, 1);
  };
  const [few, all] = await meanRounds([step(fewLayers), step(spec.nLayers)], budgetMs, now);
  // A difference of means would be mostly noise on a busy device: the fast samples tell the parts, the means how often it is held back.
  const heldBack = (few!.meanMs + all!.meanMs) / Math.max(few!.fastMs + all!.fastMs, Number.EPSILON);
  const layerMs = Math.max(0, (all!.fastMs - few!.fastMs) / (spec.nLayers - fewLayers));
  const overheadMs = Math.max(0, few!.fastMs - fewLayers * layerMs);
  return { decodeLayerMs: layerMs * heldBack, forwardOverheadMs: overheadMs * heldBack };
}

async function measurePrefill(
  engine: ShardEngine,
  spec: ModelSpec,
  { decodeLayerMs, forwardOverheadMs }: DecodeCost,
  budgetMs: number,
  now: () => number,
): Promise<number> {
  // A warm-up and a sample at least must fit, at the worst at the speed of single tokens.
  const rows = Math.max(1, Math.min(PREFILL_CHUNK_ROWS, Math.floor(budgetMs / 2 / Math.max(decodeLayerMs, 1e-3))));
  if (rows === 1) return decodeLayerMs;
  const chunk = async () => {
    await engine.forward(request(spec, rows, 1, 1));
    engine.truncate(SEQUENCE, 1);
  };
  const [timing] = await meanRounds([chunk], budgetMs, now);
  return Math.max(0, timing!.meanMs - forwardOverheadMs) / rows;
}

async function measureHead(
  engine: ShardEngine,
  spec: ModelSpec,
  { forwardOverheadMs }: DecodeCost,
  budgetMs: number,
  now: () => number,
) {
  const head = askRows([0]);
  const reply = () => engine.forward({ ...request(spec, 1, 0, 1), head });
  const [timing] = await meanRounds([reply], budgetMs, now);
  return Math.max(0, timing!.meanMs - forwardOverheadMs);
}

function request(spec: ModelSpec, rowCount: number, layers: number, start: number): ForwardRequest {
  const rows = Array.from({ length: rowCount }, (_, i) => ({ sequence: SEQUENCE, position: start + i }));
  const hidden = Float32Array.from({ length: rowCount * spec.dim }, (_, i) => Math.sin(i + 1));
  return { rows, input: { hidden }, layers: { startLayer: 0, endLayer: layers }, head: null };
}

function measuredLayers(spec: ModelSpec, types: TensorTypes): number {
  const layerBytes = LAYER_ROLES.reduce((sum, role) => {
    const { rows, columns } = tensorShape(spec, role);
    return sum + rows * rowBytes(types[role], columns);
  }, 0);
  return Math.max(1, Math.min(MEASURED_LAYERS, Math.floor(MEASURED_LAYERS_BYTES / layerBytes)));
}
