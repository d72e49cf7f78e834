import { chooseEngine, type EngineDecision } from '../engine/choose-engine.ts';
import { type EngineProfile, MEASURE_BUDGET_MS, measureDevice } from '../engine/device-profile.ts';
import type { EngineOptions, ShardEngine } from '../engine/shard-engine.ts';
import { type TensorTypes, typesOf } from '../engine/tensor-shape.ts';
import { createProcessorEngine } from '../engine/wasm/processor-engine.ts';
import { createWebGpuEngine } from '../engine/webgpu/webgpu-engine.ts';
import { embeddingTensors, headTensors, layerTensors } from '../gguf/shard-bytes.ts';
import { AppError } from '../shared/errors.ts';
import type { EngineChoice, EngineKind } from '../shared/model/device-profile.ts';
import type { OpenModel } from './open-model.ts';

export type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

const ENGINES: Record<EngineKind, CreateEngine> = {
  webgpu: (options) => createWebGpuEngine(options),
  cpu: createProcessorEngine,
};

export interface DeviceEngine extends EngineDecision {
  create: CreateEngine;
  profile: EngineProfile;
}

/**
 * Measures the engines that the owner's choice allows and takes the fastest. A named engine that does not work here is
 * replaced by the other one, and `why` says so.
 * @throws AppError no-devices when none works
 */
export async function chooseDeviceEngine(choice: EngineChoice, model: OpenModel): Promise<DeviceEngine> {
  const types = modelTypes(model);
  const profiles: EngineProfile[] = [];
  const missing: Partial<Record<EngineKind, string>> = {};
  for (const kind of candidates(choice)) {
    try {
      profiles.push(await measureDevice(ENGINES[kind], model.spec, types, measureOptions()));
    } catch (thrown) {
      missing[kind] = AppError.from(thrown).message;
    }
    if (kind === choice && profiles.length > 0) break;
  }
  const decision = chooseEngine(choice, profiles, model.spec.nLayers, missing);
  const profile = profiles.find(({ engine }) => engine === decision.engine)!;
  return { ...decision, create: ENGINES[decision.engine], profile };
}

/** The same engine, measured once more. @throws AppError what the engine throws */
export function measureAgain({ engine }: DeviceEngine, model: OpenModel): Promise<EngineProfile> {
  return measureDevice(ENGINES[engine], model.spec, modelTypes(model), measureOptions());
}

/** The named engine first; the other one only in case the named one does not work. */
function candidates(choice: EngineChoice): EngineKind[] {
  return choice === 'cpu' ? ['cpu', 'webgpu'] : ['webgpu', 'cpu'];
}

function measureOptions() {
  return { budgetMs: MEASURE_BUDGET_MS, now: () => performance.now() };
}

function modelTypes({ header }: OpenModel): TensorTypes {
  return typesOf([...layerTensors(header, 0), ...headTensors(header), ...embeddingTensors(header)]);
}
