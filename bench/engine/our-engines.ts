import { MEASURE_BUDGET_MS, measureDevice } from '../../src/engine/device-profile.ts';
import type { EngineOptions, ShardEngine } from '../../src/engine/shard-engine.ts';
import { uniformTypes } from '../../src/engine/tensor-shape.ts';
import { createProcessorEngine } from '../../src/engine/wasm/processor-engine.ts';
import { createWebGpuEngine } from '../../src/engine/webgpu/webgpu-engine.ts';
import { QUANT_TYPES } from '../../src/gguf/quant.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';

export type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

/** Our engines, by their kind and by the name of their row. */
export const ENGINES: Record<string, CreateEngine> = {
  webgpu: (options) => createWebGpuEngine(options),
  cpu: (options) => createProcessorEngine(options),
  'cpu 1 thread': (options) => createProcessorEngine(options, 1),
  'cpu threads': (options) => createProcessorEngine(options),
  onnx: async (options) => (await import('../../src/engine/onnx/onnx-engine.ts')).createOnnxEngine(options),
};

/** Measures an engine as a device does that chooses among them: on random weights of the model's shape and format. */
export async function profileModel(spec: ModelSpec, create: CreateEngine) {
  const type = QUANT_TYPES.find((one) => spec.quantisation.startsWith(one)) ?? 'Q8_0';
  const measuring = { budgetMs: MEASURE_BUDGET_MS, now: () => performance.now() };
  const profile = await measureDevice(create, spec, uniformTypes(type), measuring);
  const decodeMs = profile.forwardOverheadMs + spec.nLayers * profile.decodeLayerMs + profile.headMs;
  return { profile, decodeMs };
}
