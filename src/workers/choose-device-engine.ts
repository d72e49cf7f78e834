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
  // Megabytes that only those download who use it.
  onnx: async (options) => (await import('../engine/onnx/onnx-engine.ts')).createOnnxEngine(options),
};

/** What is measured in case a named engine does not work. */
const OTHERS: Record<EngineKind, EngineKind[]> = { webgpu: ['cpu'], cpu: ['webgpu'], onnx: ['webgpu', 'cpu'] };

export interface DeviceEngine extends EngineDecision {
  create: CreateEngine;
  profile: EngineProfile;
}

/**
 * Measures the engines that the owner's choice allows and takes the fastest. A named engine that does not work here is
 * replaced by another one, and `why` says so. Unless named, onnxruntime-web is a candidate only where there is WebGPU and
 * our own kernels fail on it: to measure it is to download it.
 * @throws AppError no-devices when none works
 */
export async function chooseDeviceEngine(choice: EngineChoice, model: OpenModel): Promise<DeviceEngine> {
  const types = modelTypes(model);
  const profiles: EngineProfile[] = [];
  const missing: Partial<Record<EngineKind, string>> = {};
  const candidates: EngineKind[] = choice === 'auto' ? ['webgpu', 'cpu'] : [choice, ...OTHERS[choice]];
  for (const kind of candidates) {
    try {
      profiles.push(await measureDevice(ENGINES[kind], model.spec, types, measureOptions()));
    } catch (thrown) {
      const { code, message } = AppError.from(thrown);
      missing[kind] = message;
      if (choice === 'auto' && kind === 'webgpu' && code !== 'no-webgpu') candidates.push('onnx');
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

function measureOptions() {
  return { budgetMs: MEASURE_BUDGET_MS, now: () => performance.now() };
}

function modelTypes({ header }: OpenModel): TensorTypes {
  return typesOf([...layerTensors(header, 0), ...headTensors(header), ...embeddingTensors(header)]);
}
