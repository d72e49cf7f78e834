import type { HeadRow } from '../../../shared/model/head-row.ts';
import type { ShardEngine } from '../../shard-engine.ts';
import { type ContractModel, loadWhole, someTokens } from '../../testing/contract-models.ts';
import { runChunked } from '../../testing/contract-runs.ts';
import { type GpuOptions, openGpu } from '../gpu-context.ts';
import { createWebGpuEngine } from '../webgpu-engine.ts';

export const CONTEXT_LENGTH = 64;

export const tokensOf = (model: ContractModel) => someTokens(model, 11, 3);

/** An engine with a device of its own, for as long as it is used. */
export async function withEngine<T>(
  model: ContractModel,
  gpuOptions: GpuOptions,
  use: (engine: ShardEngine) => Promise<T>,
  contextLength = CONTEXT_LENGTH,
): Promise<T> {
  const gpu = await openGpu(gpuOptions);
  const engine = await createWebGpuEngine({ spec: model.spec, contextLength }, gpu);
  try {
    await loadWhole(engine, model);
    return await use(engine);
  } finally {
    engine.destroy();
    gpu.destroy();
  }
}

/** Rows one at a time, through the kernels for one token. */
export function oneByOne(model: ContractModel, options: GpuOptions): Promise<HeadRow[]> {
  return withEngine(model, options, (engine) => runChunked(engine, model, tokensOf(model), 1));
}
