import { dequantize } from '../../gguf/quant.ts';
import type { TensorRole, WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { checkedTensors } from '../checked-tensors.ts';
import { tensorShape } from '../tensor-shape.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { MatrixStack } from './matrix-stack.ts';

/** The roles of a part of the model: single norms, and matrices grouped by the vector that they multiply. */
export interface PartRoles {
  norms: readonly TensorRole[];
  stacks: readonly (readonly TensorRole[])[];
}

/** Weights of a layer, the head or the embedding on the device. */
export class PartWeights {
  private readonly norms = new Map<TensorRole, GPUBuffer>();
  private readonly stacks: MatrixStack[];

  private constructor(gpu: GpuContext, spec: ModelSpec, roles: PartRoles) {
    this.stacks = roles.stacks.map((stack) => {
      const shapes = stack.map((role) => ({ role, ...tensorShape(spec, role) }));
      return new MatrixStack(gpu, shapes[0]!.columns, shapes);
    });
  }

  /**
   * Uploads each tensor as it arrives and keeps nothing of it. Frees what it had when one fails.
   *
   * @throws AppError model-malformed, out-of-memory, device-lost
   */
  static async load(
    gpu: GpuContext,
    spec: ModelSpec,
    roles: PartRoles,
    tensors: AsyncIterable<WeightTensor>,
  ): Promise<PartWeights> {
    const part = new PartWeights(gpu, spec, roles);
    try {
      for await (const tensor of checkedTensors(spec, [...roles.norms, ...roles.stacks.flat()], tensors)) {
        const stack = part.stacks.find((candidate) => candidate.has(tensor.role));
        if (stack) await stack.add(tensor);
        else part.norms.set(tensor.role, await uploadNorm(gpu, tensor));
      }
      for (const stack of part.stacks) await stack.trim();
      return part;
    } catch (thrown) {
      part.destroy();
      throw thrown;
    }
  }

  /** (columns) f32. */
  norm(role: TensorRole): GPUBuffer {
    return this.norms.get(role)!;
  }

  /** The stack that holds this role. */
  stack(role: TensorRole): MatrixStack {
    return this.stacks.find((stack) => stack.has(role))!;
  }

  get bytes(): number {
    const normBytes = [...this.norms.values()].reduce((sum, { size }) => sum + size, 0);
    return this.stacks.reduce((sum, stack) => sum + stack.bytes, normBytes);
  }

  destroy(): void {
    for (const stack of this.stacks) stack.destroy();
    for (const buffer of this.norms.values()) buffer.destroy();
    this.norms.clear();
  }
}

/** Norms are small and nearly always F32; other formats are expanded. */
async function uploadNorm(gpu: GpuContext, { role, type, columns, bytes }: WeightTensor): Promise<GPUBuffer> {
  const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST;
  const { gain } = await createBuffers(gpu, `weights of ${role}`, { gain: { bytes: 4 * columns, usage } });
  const values = new Float32Array(columns);
  dequantize(type, bytes, 0, columns, values);
  gpu.device.queue.writeBuffer(gain, 0, values);
  return gain;
}
