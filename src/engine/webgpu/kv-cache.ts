import type { SequenceRun } from '../checked-runs.ts';
import type { LayerKv, SequenceMemory } from '../layer-kv.ts';
import { BUFFER_USAGE, roundUp } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';

/** What attention binds its kernels to over one cache. */
export interface AttentionGroups {
  rotate: GPUBindGroup;
  /** Of the kernels of its form, in their order. */
  attend: readonly GPUBindGroup[];
}

/** Positions by which a cache grows at least. */
const BLOCK_POSITIONS = 64;
/** A long sequence grows by half of itself, so that the copying stays in proportion. */
const GROWTH = 1.5;

/** Keys and values of one sequence in one layer. They grow by moving into a larger buffer. */
export class SequenceKv implements SequenceMemory {
  /** Positions that are there. */
  length = 0;
  capacity = 0;
  /** (capacity, `cacheWords`): see kernels/scaled-pairs.ts; none before there is room for a first position. */
  buffer: GPUBuffer | null = null;
  /** Once attention has bound them. */
  groups: AttentionGroups | null = null;

  get bytes(): number {
    return this.buffer?.size ?? 0;
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, Math.max(0, length));
    if (this.length > 0) return;
    this.buffer?.destroy();
    this.place(null, 0);
  }

  /** @returns the buffer that was there before */
  place(buffer: GPUBuffer | null, capacity: number): GPUBuffer | null {
    const before = this.buffer;
    this.buffer = buffer;
    this.capacity = capacity;
    this.groups = null;
    return before;
  }
}

export interface KvShape {
  /** Of keys and values of one position in one layer. */
  bytesPerPosition: number;
  contextLength: number;
}

/**
 * Makes room for the runs in these layers, without changing what is there.
 *
 * @throws AppError out-of-memory, device-lost
 */
export async function reserveKv(
  gpu: GpuContext,
  { bytesPerPosition, contextLength }: KvShape,
  layers: readonly LayerKv<SequenceKv>[],
  runs: readonly SequenceRun[],
): Promise<void> {
  const short = layers.flatMap((layer) =>
    runs
      .map(({ sequence, start, rowCount }) => ({ kv: layer.open(sequence), positions: start + rowCount }))
      .filter(({ kv, positions }) => kv.capacity < positions),
  );
  if (short.length === 0) return;
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  // Room to grow into is no reason to ask for a buffer that there cannot be.
  const largest = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / bytesPerPosition);
  const capacities = short.map(({ kv, positions }) => {
    const wanted = roundUp(Math.max(positions, kv.capacity * GROWTH), BLOCK_POSITIONS);
    return Math.min(contextLength, Math.max(positions, Math.min(wanted, largest)));
  });
  const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST;
  const sizes = capacities.map((capacity, i) => [`cache ${i}`, { bytes: capacity * bytesPerPosition, usage }]);
  const buffers: GPUBuffer[] = Object.values(await createBuffers(gpu, 'keys and values', Object.fromEntries(sizes)));
  const encoder = gpu.device.createCommandEncoder({ label: 'grow caches' });
  const outgrown = short.map(({ kv }, i) => {
    const [buffer, capacity] = [buffers[i]!, capacities[i]!];
    if (kv.buffer && kv.length > 0) encoder.copyBufferToBuffer(kv.buffer, 0, buffer, 0, kv.length * bytesPerPosition);
    return kv.place(buffer, capacity);
  });
  gpu.device.queue.submit([encoder.finish()]);
  for (const buffer of outgrown) buffer?.destroy();
}
