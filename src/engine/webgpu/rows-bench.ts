import { kvBytesPerTokenAndLayer, type ModelSpec } from '../../shared/model/model-spec.ts';
import { LayerKv } from '../layer-kv.ts';
import { Attention } from './attention.ts';
import { ForwardInputs } from './forward-inputs.ts';
import type { GpuContext } from './gpu-context.ts';
import { reserveKv, SequenceKv } from './kv-cache.ts';
import { passMs } from './pass-time.ts';
import { createScratch } from './scratch.ts';
import { compileShapeKernels } from './shape-kernels.ts';

/** Positions that one row attends to. */
const CONTEXT = 512;

/**
 * What attention of one row takes in the device's variant, ms. Norms, which share its form, are too short to tell.
 *
 * @throws AppError device-lost, out-of-memory, internal
 */
export async function attentionMs(gpu: GpuContext, spec: ModelSpec, now: () => number): Promise<number> {
  const options = { spec: { ...spec, ffnDim: 4, vocabSize: 4 }, contextLength: CONTEXT };
  const [kernels, scratch] = await Promise.all([compileShapeKernels(gpu, options), createScratch(gpu, options)]);
  try {
    const base = { gpu, spec, kernels, scratch };
    const attention = new Attention(base);
    const run = { sequence: 'tuning', start: CONTEXT - 1, firstRow: 0, rowCount: 1 };
    new ForwardInputs(base).write({ ids: null, rows: 1, runs: [run], temperatures: [] });
    const kv = new LayerKv(() => new SequenceKv());
    await reserveKv(gpu, { bytesPerPosition: kvBytesPerTokenAndLayer(spec), contextLength: CONTEXT }, [kv], [run]);
    const ms = await passMs(gpu, now, (pass) => attention.encode(pass, 0, run, kv.open(run.sequence)));
    kv.release();
    return ms;
  } finally {
    scratch.destroy();
  }
}
