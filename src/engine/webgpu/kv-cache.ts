import type { LayerRange } from '../../shared/model/layer-range.ts';
import { hasLayer, layersOf } from '../../shared/model/layer-range.ts';
import { checkNext, type SequenceRun } from '../checked-runs.ts';
import type { SequenceKey } from '../shard-engine.ts';
import { BUFFER_USAGE, roundUp } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';

/** What attention binds its kernels to over one cache. */
export interface AttentionGroups {
  rotate: GPUBindGroup;
  /** Of the kernels of its form, in their order. */
  attend: readonly GPUBindGroup[];
}

/** Keys and values of one sequence in one layer. */
export interface LayerCache {
  /** (capacity, `cacheWords`): see kernels/scaled-pairs.ts. */
  buffer: GPUBuffer;
  /** Positions that are there. */
  length: number;
  capacity: number;
  /** Once attention has bound them. */
  groups?: AttentionGroups;
}

/** Positions by which a cache grows at least. */
const BLOCK_POSITIONS = 64;
/** A long sequence grows by half of itself, so that the copying stays in proportion. */
const GROWTH = 1.5;

/** Everything that sequences leave in layers. A cache grows by moving into a larger buffer. */
export class KvCache {
  private readonly gpu: GpuContext;
  private readonly bytesPerPosition: number;
  private readonly contextLength: number;
  private readonly sequences = new Map<SequenceKey, Map<number, LayerCache>>();

  constructor(gpu: GpuContext, bytesPerPosition: number, contextLength: number) {
    this.gpu = gpu;
    this.bytesPerPosition = bytesPerPosition;
    this.contextLength = contextLength;
  }

  get bytes(): number {
    let sum = 0;
    for (const layers of this.sequences.values()) for (const { buffer } of layers.values()) sum += buffer.size;
    return sum;
  }

  /** @throws AppError sequence-gap */
  checkStarts(runs: readonly SequenceRun[], layers: LayerRange): void {
    for (const { sequence, start } of runs) {
      const caches = this.sequences.get(sequence);
      for (let layer = layers.startLayer; layer < layers.endLayer; layer++) {
        checkNext(sequence, start, caches?.get(layer)?.length ?? 0);
      }
    }
  }

  /**
   * Makes room for the runs in these layers, without changing what is there.
   *
   * @throws AppError out-of-memory, device-lost
   */
  async reserve(runs: readonly SequenceRun[], layers: LayerRange): Promise<void> {
    const short = this.shortCaches(runs, layers);
    if (short.length === 0) return;
    const wanted = short.map(({ sequence, layer, positions }) => this.grownCapacity(sequence, layer, positions));
    const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST;
    const sizes = wanted.map((capacity, i) => [`cache ${i}`, { bytes: capacity * this.bytesPerPosition, usage }]);
    const buffers = Object.values(await createBuffers(this.gpu, 'keys and values', Object.fromEntries(sizes)));
    const encoder = this.gpu.device.createCommandEncoder({ label: 'grow caches' });
    const outgrown = short.map(({ sequence, layer }, i) =>
      this.move(encoder, sequence, layer, buffers[i] as GPUBuffer, wanted[i]!),
    );
    this.gpu.device.queue.submit([encoder.finish()]);
    for (const buffer of outgrown) buffer?.destroy();
  }

  /** By layer; present after `reserve`. */
  layersOf(sequence: SequenceKey): ReadonlyMap<number, LayerCache> {
    return this.sequences.get(sequence)!;
  }

  /** Counts the rows of a forward that has succeeded. */
  advance(runs: readonly SequenceRun[], layers: LayerRange): void {
    for (const { sequence, start, rowCount } of runs) {
      const caches = this.layersOf(sequence);
      for (const layer of layersOf(layers)) caches.get(layer)!.length = start + rowCount;
    }
  }

  truncate(sequence: SequenceKey, length: number, layers?: LayerRange): void {
    for (const [layer, cache] of this.sequences.get(sequence) ?? []) {
      if (!layers || hasLayer(layers, layer)) cache.length = Math.min(cache.length, length);
    }
  }

  freeSequence(sequence: SequenceKey): void {
    for (const { buffer } of this.sequences.get(sequence)?.values() ?? []) buffer.destroy();
    this.sequences.delete(sequence);
  }

  freeLayer(layer: number): void {
    for (const [sequence, layers] of this.sequences) {
      layers.get(layer)?.buffer.destroy();
      layers.delete(layer);
      if (layers.size === 0) this.sequences.delete(sequence);
    }
  }

  destroy(): void {
    for (const sequence of [...this.sequences.keys()]) this.freeSequence(sequence);
  }

  /** Caches that the runs do not fit into, and the positions that they will have. */
  private shortCaches(runs: readonly SequenceRun[], layers: LayerRange) {
    const short: { sequence: SequenceKey; layer: number; positions: number }[] = [];
    for (const { sequence, start, rowCount } of runs) {
      const caches = this.sequences.get(sequence);
      const positions = start + rowCount;
      for (let layer = layers.startLayer; layer < layers.endLayer; layer++) {
        if ((caches?.get(layer)?.capacity ?? 0) < positions) short.push({ sequence, layer, positions });
      }
    }
    return short;
  }

  private grownCapacity(sequence: SequenceKey, layer: number, positions: number): number {
    const old = this.sequences.get(sequence)?.get(layer)?.capacity ?? 0;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.device.limits;
    // Room to grow into is no reason to ask for a buffer that there cannot be.
    const largest = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / this.bytesPerPosition);
    const wanted = roundUp(Math.max(positions, old * GROWTH), BLOCK_POSITIONS);
    return Math.min(this.contextLength, Math.max(positions, Math.min(wanted, largest)));
  }

  private move(
    encoder: GPUCommandEncoder,
    sequence: SequenceKey,
    layer: number,
    buffer: GPUBuffer,
    capacity: number,
  ): GPUBuffer | undefined {
    const layers = this.sequences.get(sequence) ?? new Map<number, LayerCache>();
    this.sequences.set(sequence, layers);
    const old = layers.get(layer);
    const length = old?.length ?? 0;
    if (old && length > 0) encoder.copyBufferToBuffer(old.buffer, 0, buffer, 0, length * this.bytesPerPosition);
    layers.set(layer, { buffer, length, capacity });
    return old?.buffer;
  }
}
