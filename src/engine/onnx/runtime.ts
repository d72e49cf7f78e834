import type * as Ort from 'onnxruntime-web/webgpu';
import { AppError } from '../../shared/errors.ts';
import { CallQueue } from '../call-queue.ts';
import { encodeModel, type OnnxGraph } from './onnx-model.ts';

export type Tensor = Ort.Tensor;
export type Session = Ort.InferenceSession;

/** onnxruntime-web in this thread, with the one WebGPU device that it opens for itself. */
export class OnnxRuntime {
  readonly ort: typeof Ort;
  /** It runs one thing at a time, whichever engine or session asks. */
  private readonly queue = new CallQueue();

  constructor(ort: typeof Ort) {
    this.ort = ort;
  }

  /** @throws AppError no-webgpu, out-of-memory */
  open(graph: OnnxGraph, outputs: Record<string, 'cpu' | 'gpu-buffer'>): Promise<Session> {
    return this.queue.run(async () => {
      try {
        return await this.ort.InferenceSession.create(encodeModel(graph), {
          executionProviders: [{ name: 'webgpu' }],
          preferredOutputLocation: outputs,
          // A node that this device could only run on the processor would copy its data to and fro with every token.
          extra: { session: { disable_cpu_ep_fallback: '1' } },
        });
      } catch (thrown) {
        throw runtimeError(thrown);
      }
    });
  }

  run(session: Session, feeds: Record<string, Tensor>, fetches: Record<string, Tensor | null>): Promise<Record<string, Tensor>> {
    return this.queue.run(async () => {
      try {
        return await session.run(feeds, fetches);
      } catch (thrown) {
        throw runtimeError(thrown);
      }
    });
  }

  /** In its turn: never while something runs. */
  release(session: Session): void {
    void this.queue.run(() => session.release()).catch(() => null);
  }

  /** Only known once a session is open. */
  device(): Promise<GPUDevice> {
    return this.ort.env.webgpu.device;
  }
}

let loading: Promise<OnnxRuntime> | null = null;

/**
 * Downloads onnxruntime-web when it is first asked for.
 * @throws AppError no-webgpu
 */
export function loadRuntime(): Promise<OnnxRuntime> {
  loading ??= load().catch((thrown) => {
    loading = null;
    throw thrown;
  });
  return loading;
}

async function load(): Promise<OnnxRuntime> {
  const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!(await gpu?.requestAdapter())) {
    const detail = 'onnxruntime-web is used on WebGPU only, which is missing here';
    throw new AppError('no-webgpu', detail, { values: { detail } });
  }
  const [ort, { default: wasmUrl }] = await Promise.all([
    import('onnxruntime-web/webgpu'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'),
  ]);
  ort.env.wasm.wasmPaths = { wasm: new URL(wasmUrl, globalThis.location.href).href };
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return new OnnxRuntime(ort);
}

/** What it throws is text of many lines, or a number. */
function runtimeError(thrown: unknown): AppError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const brief = text.slice(0, 300);
  if (/out of memory|allocat|^\d+$/i.test(text))
    return new AppError('out-of-memory', `onnxruntime-web: ${brief}`, { cause: thrown });
  return new AppError('internal', `onnxruntime-web: ${brief}`, { cause: thrown });
}
