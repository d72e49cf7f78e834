import { chooseEngine, isGpuSlow } from '../engine/choose-engine.ts';
import { type EngineProfile, MEASURE_BUDGET_MS, measureDevice } from '../engine/device-profile.ts';
import { keptIn } from '../engine/kept-values.ts';
import { ONNX_TYPES } from '../engine/onnx/onnx-types.ts';
import type { EngineOptions, ShardEngine } from '../engine/shard-engine.ts';
import { createProcessorEngine } from '../engine/wasm/processor-engine.ts';
import { webGpuAdapterInfo } from '../engine/webgpu/gpu-context.ts';
import type { KernelVariant } from '../engine/webgpu/variants.ts';
import { createWebGpuEngine } from '../engine/webgpu/webgpu-engine.ts';
import { AppError, type ErrorReport } from '../shared/errors.ts';
import type { EngineChoice, EngineKind } from '../shared/model/device-profile.ts';
import type { OpenModel } from '../weights/open-model.ts';
import { type LayerMix, layerMix } from './layer-mix.ts';
import { type Measured, measuredOnce } from './measured-once.ts';

export type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

/** What is measured in case a named engine does not work. */
const OTHERS: Record<EngineKind, EngineKind[]> = { webgpu: ['cpu'], cpu: ['webgpu'], onnx: ['webgpu', 'cpu'] };

const now = () => performance.now();

export interface DeviceEngine extends Measured {
  create: CreateEngine;
  /** What its owner asked for. */
  choice: EngineChoice;
}

/**
 * Measures the engines that the owner's choice allows and takes the fastest. A named engine that does not work here is
 * replaced by another one, and `why` says so.
 *
 * Unless named, onnxruntime-web is measured only where there is reason to hope: to measure it is to download megabytes, and on
 * every adapter that we know our own kernels are many times faster. The reasons are a GPU on which they fail, or on which
 * they are slower than the processor is.
 *
 * @throws AppError no-devices when none works
 */
export async function chooseDeviceEngine(choice: EngineChoice, model: OpenModel): Promise<DeviceEngine> {
  const mix = layerMix(model.header, model.spec.nLayers);
  const engines = enginesFor(model, mix);
  const decided = await measuredOnce(await measurementKey(choice, model, mix), 'start', () =>
    decide(choice, model, mix, engines),
  );
  return { ...decided, create: engines[decided.engine], choice };
}

async function decide(
  choice: EngineChoice,
  model: OpenModel,
  mix: LayerMix,
  engines: Record<EngineKind, CreateEngine>,
): Promise<Measured> {
  const profiles: EngineProfile[] = [];
  const missing: Partial<Record<EngineKind, ErrorReport>> = {};
  const measured = async (kind: EngineKind) => {
    try {
      profiles.push(await profileOf(engines[kind], model, mix));
    } catch (thrown) {
      missing[kind] = AppError.from(thrown).toReport();
    }
  };
  for (const kind of choice === 'auto' ? (['webgpu', 'cpu'] as const) : [choice, ...OTHERS[choice]]) {
    await measured(kind);
    if (kind === choice && profiles.length > 0) break;
  }
  if (choice === 'auto' && runsOnOnnx(mix) && isGpuSlow(profiles, model.spec.nLayers, await webGpuAdapterInfo())) {
    await measured('onnx');
  }
  const decision = chooseEngine(choice, profiles, model.spec.nLayers, missing);
  const profile = profiles.find(({ engine }) => engine === decision.engine)!;
  return { ...decision, profile };
}

/**
 * The same engine, measured once more, now that the device is calm.
 * @param isCalm asked afterwards, whether it still is: what was measured beside other work is told to no other tab
 * @throws AppError what the engine throws
 */
export async function measureAgain(
  { create, choice, engine, why }: DeviceEngine,
  model: OpenModel,
  isCalm: () => boolean,
): Promise<EngineProfile> {
  const mix = layerMix(model.header, model.spec.nLayers);
  const measure = async () => ({ engine, why, profile: await profileOf(create, model, mix) });
  const measured = await measuredOnce(await measurementKey(choice, model, mix), 'calm', measure, isCalm);
  // Another tab may have come to another engine.
  return measured.engine === engine ? measured.profile : (await measure()).profile;
}

/** A GPU that is gone, or another one, makes another key; so does another browser, of which Node says nothing. */
async function measurementKey(choice: EngineChoice, { spec }: OpenModel, { types, meanToCommon }: LayerMix): Promise<string> {
  return JSON.stringify([globalThis.navigator?.userAgent, await webGpuAdapterInfo(), choice, spec, types, meanToCommon]);
}

/** WebGPU is tuned for the model when it is first opened. */
function enginesFor(model: OpenModel, mix: LayerMix): Record<EngineKind, CreateEngine> {
  let tuning: Promise<KernelVariant | null> | null = null;
  return {
    webgpu: async (options) => {
      // Where tuning fails, opening the engine tells more of why.
      tuning ??= tuned(model, mix).catch(() => null);
      const variant = await tuning;
      return createWebGpuEngine(options, variant ? { variant } : {});
    },
    cpu: createProcessorEngine,
    // Megabytes that only those download who can use it.
    onnx: async (options) => {
      if (!runsOnOnnx(mix)) {
        const types = [...mix.stageTypes].join(', ');
        throw new AppError('quantisation-unsupported', `it runs ${ONNX_TYPES.join(', ')}; this file has ${types}`, {
          values: { formats: types, supported: ONNX_TYPES.join(', ') },
        });
      }
      return (await import('../engine/onnx/onnx-engine.ts')).createOnnxEngine(options);
    },
  };
}

/** Loaded when it is needed: null, and nothing downloaded, without WebGPU. @throws AppError as the engine does */
async function tuned({ spec }: OpenModel, { types }: LayerMix): Promise<KernelVariant | null> {
  if (!(await webGpuAdapterInfo()).available) return null;
  const shape = { type: types.ffn_gate, spec };
  const { TUNING_BUDGET_MS, tuneWebGpu } = await import('../engine/webgpu/tuning.ts');
  return tuneWebGpu(shape, { budgetMs: TUNING_BUDGET_MS, now, store: keptIn('tuning') });
}

/** Measured on the most common kind of layer, told of the mean one: what a layer takes goes with its bytes. */
async function profileOf(create: CreateEngine, { spec }: OpenModel, { types, meanToCommon }: LayerMix): Promise<EngineProfile> {
  const profile = await measureDevice(create, spec, types, { budgetMs: MEASURE_BUDGET_MS, now });
  return {
    ...profile,
    decodeLayerMs: profile.decodeLayerMs * meanToCommon,
    prefillLayerMsPerToken: profile.prefillLayerMsPerToken * meanToCommon,
  };
}

/** A donor may be given any layer, and with the last ones the head. */
function runsOnOnnx({ stageTypes }: LayerMix): boolean {
  return [...stageTypes].every((type) => ONNX_TYPES.includes(type));
}
