import { AppError } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceKey } from '../shard-engine.ts';
import { BUFFER_USAGE } from '../webgpu/gpu-constants.ts';
import type { OnnxRuntime, Tensor } from './runtime.ts';

/** Positions by which a sequence's room grows. */
const BLOCK_POSITIONS = 128;

/** Keys and values of one sequence in one layer: a buffer each, (1, nKvHeads, capacity, headDim) float32. */
interface SequenceKv {
  length: number;
  capacity: number;
  keys: GPUBuffer;
  values: GPUBuffer;
}

export interface KvTensors {
  keys: Tensor;
  values: Tensor;
}

/** What one layer keeps of all sequences, on the device. Positions beyond a sequence's length are rests that nobody reads. */
export class LayerKv {
  private readonly sequences = new Map<SequenceKey, SequenceKv>();
  private readonly runtime: OnnxRuntime;
  private readonly device: GPUDevice;
  private readonly spec: ModelSpec;
  private readonly contextLength: number;

  constructor(runtime: OnnxRuntime, device: GPUDevice, spec: ModelSpec, contextLength: number) {
    this.runtime = runtime;
    this.device = device;
    this.spec = spec;
    this.contextLength = contextLength;
  }

  lengthOf(sequence: SequenceKey): number {
    return this.sequences.get(sequence)?.length ?? 0;
  }

  /** Tensors that the new positions up to `end` fit into; they count once `advance` says so. @throws AppError out-of-memory */
  async tensors(sequence: SequenceKey, end: number): Promise<KvTensors> {
    let kv = this.sequences.get(sequence);
    if (!kv || kv.capacity < end) {
      kv = await this.grow(kv, end);
      this.sequences.set(sequence, kv);
    }
    const dims = [1, this.spec.nKvHeads, kv.capacity, this.spec.headDim];
    const tensor = (buffer: GPUBuffer) => this.runtime.ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
    return { keys: tensor(kv.keys), values: tensor(kv.values) };
  }

  advance(sequence: SequenceKey, length: number): void {
    this.sequences.get(sequence)!.length = length;
  }

  truncate(sequence: SequenceKey, length: number): void {
    const kv = this.sequences.get(sequence);
    if (!kv) return;
    kv.length = Math.min(kv.length, Math.max(0, length));
    if (kv.length > 0) return;
    this.sequences.delete(sequence);
    destroyBuffers(kv);
  }

  get bytes(): number {
    let bytes = 0;
    for (const { capacity } of this.sequences.values()) bytes += 2 * this.bufferBytes(capacity);
    return bytes;
  }

  destroy(): void {
    for (const kv of this.sequences.values()) destroyBuffers(kv);
    this.sequences.clear();
  }

  private bufferBytes(capacity: number): number {
    return 4 * this.spec.nKvHeads * capacity * this.spec.headDim;
  }

  private async grow(old: SequenceKv | undefined, end: number): Promise<SequenceKv> {
    const capacity = Math.min(this.contextLength, Math.ceil(end / BLOCK_POSITIONS) * BLOCK_POSITIONS);
    this.device.pushErrorScope('out-of-memory');
    const kv = { length: old?.length ?? 0, capacity, keys: this.buffer(capacity), values: this.buffer(capacity) };
    const error = await this.device.popErrorScope();
    if (error) {
      destroyBuffers(kv);
      throw new AppError('out-of-memory', `no memory for ${capacity} positions: ${error.message}`);
    }
    if (old) {
      this.copy(old, kv);
      destroyBuffers(old);
    }
    return kv;
  }

  private buffer(capacity: number): GPUBuffer {
    const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST;
    return this.device.createBuffer({ label: 'onnx kv', size: this.bufferBytes(capacity), usage });
  }

  /** Heads lie one after the other, each as long as the capacity. */
  private copy(old: SequenceKv, kv: SequenceKv): void {
    const encoder = this.device.createCommandEncoder({ label: 'grow kv' });
    const positionBytes = 4 * this.spec.headDim;
    for (let head = 0; head < this.spec.nKvHeads; head++) {
      const from = head * old.capacity * positionBytes;
      const to = head * kv.capacity * positionBytes;
      for (const part of ['keys', 'values'] as const)
        encoder.copyBufferToBuffer(old[part], from, kv[part], to, old.length * positionBytes);
    }
    this.device.queue.submit([encoder.finish()]);
  }
}

function destroyBuffers({ keys, values }: SequenceKv): void {
  keys.destroy();
  values.destroy();
}
