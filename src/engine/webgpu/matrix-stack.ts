import { type QuantType, rowBytes } from '../../gguf/quant.ts';
import type { TensorRole, WeightTensor } from '../../gguf/weight-tensor.ts';
import { WEIGHT_PIECE_BYTES, WEIGHT_PIECE_ROWS } from '../../shared/model/limits.ts';
import { BINDING_ALIGN_BYTES, BUFFER_USAGE, roundUp } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { isScaled, quantBytes, scaleCount, splitBlocks } from './split-blocks.ts';

export interface StackedRole {
  role: TensorRole;
  rows: number;
}

/** Rows of one buffer that are filled, and where they stand in the stack. */
export interface RowRun {
  type: QuantType;
  quants: GPUBufferBinding;
  scales: GPUBufferBinding;
  /** First row within the buffer. */
  firstRow: number;
  rows: number;
  /** First row within the stack. */
  stackRow: number;
}

interface Slab {
  buffer: GPUBuffer;
  stackRow: number;
  rows: number;
}

/** Buffers of one format for some rows of the stack. */
interface Layer {
  type: QuantType;
  firstRow: number;
  rows: number;
  slabs: Slab[];
  /** Row ranges of the stack that hold weights. */
  filled: [start: number, end: number][];
}

/**
 * Matrices that multiply the same vector, one on top of the other (queries, keys and values; gate and up), so that one
 * dispatch computes them all. Rows that do not fit into one binding go into several buffers, and a matrix of another
 * format than the first to arrive gets buffers of its own: either way there are only more runs.
 */
export class MatrixStack {
  readonly columns: number;
  readonly rows: number;
  private readonly gpu: GpuContext;
  private readonly starts = new Map<TensorRole, number>();
  private readonly roleRows = new Map<TensorRole, number>();
  private readonly layers: Layer[] = [];

  constructor(gpu: GpuContext, columns: number, roles: readonly StackedRole[]) {
    this.gpu = gpu;
    this.columns = columns;
    let rows = 0;
    for (const { role, rows: roleRows } of roles) {
      this.starts.set(role, rows);
      this.roleRows.set(role, roleRows);
      rows += roleRows;
    }
    this.rows = rows;
  }

  has(role: TensorRole): boolean {
    return this.starts.has(role);
  }

  get bytes(): number {
    return this.layers.reduce((sum, layer) => sum + layer.slabs.reduce((bytes, { buffer }) => bytes + buffer.size, 0), 0);
  }

  /** Takes a tensor or a piece of one, whose first row is a multiple of eight. @throws AppError out-of-memory, device-lost */
  async add(tensor: WeightTensor): Promise<void> {
    const start = this.starts.get(tensor.role)! + (tensor.firstRow ?? 0);
    const end = start + tensor.rows;
    const isRoom = ({ type, firstRow, rows }: Layer) => type === tensor.type && firstRow <= start && end <= firstRow + rows;
    const layer = this.layers.find(isRoom) ?? (await this.createLayerFor(tensor));
    for (const slab of layer.slabs) this.fill(slab, tensor, start);
    layer.filled.push([start, end]);
  }

  runs(): RowRun[] {
    return this.layers.flatMap((layer) =>
      layer.slabs.flatMap((slab) => merged(layer.filled).flatMap(([start, end]) => this.run(layer.type, slab, start, end))),
    );
  }

  /**
   * Gives back the room that was kept for matrices which came in another format, once all have come.
   *
   * @throws AppError out-of-memory, device-lost; then everything is as it was
   */
  async trim(): Promise<void> {
    for (const layer of this.layers) {
      const ranges = merged(layer.filled);
      const isExact = ranges.length === 1 && ranges[0]![1] - ranges[0]![0] === layer.rows;
      if (!isExact && ranges.every(([start]) => start % WEIGHT_PIECE_ROWS === 0))
        layer.slabs = await this.exactSlabs(layer, ranges);
    }
  }

  destroy(): void {
    for (const { slabs } of this.layers) for (const { buffer } of slabs) buffer.destroy();
    this.layers.length = 0;
  }

  private createLayerFor(tensor: WeightTensor): Promise<Layer> {
    if (this.layers.length === 0) return this.createLayer(tensor, 0, this.rows);
    return this.createLayer(tensor, this.starts.get(tensor.role)!, this.roleRows.get(tensor.role)!);
  }

  private async createLayer({ role, type }: WeightTensor, firstRow: number, rows: number): Promise<Layer> {
    const slabRows = this.rowsPerSlab(type);
    const places = Array.from({ length: Math.ceil(rows / slabRows) }, (_, i) => ({
      stackRow: firstRow + i * slabRows,
      rows: Math.min(slabRows, rows - i * slabRows),
    }));
    const buffers = await this.createSlabBuffers(role, type, places);
    const slabs = places.map((place, i) => ({ ...place, buffer: buffers[i]! }));
    const layer = { type, firstRow, rows, slabs, filled: [] };
    this.layers.push(layer);
    return layer;
  }

  /** Copies the filled rows of a layer's buffers to buffers that hold nothing else. */
  private async exactSlabs({ type, slabs }: Layer, ranges: readonly [number, number][]): Promise<Slab[]> {
    const parts = slabs.flatMap((slab) => ranges.flatMap(([start, end]) => overlap(slab, start, end)));
    const buffers = await this.createSlabBuffers(`part of ${type}`, type, parts);
    const encoder = this.gpu.device.createCommandEncoder({ label: 'trim weights' });
    for (const [i, { slab, stackRow, rows }] of parts.entries()) {
      const from = stackRow - slab.stackRow;
      const quantRowBytes = quantBytes(type, this.columns);
      encoder.copyBufferToBuffer(slab.buffer, from * quantRowBytes, buffers[i]!, 0, rows * quantRowBytes);
      if (!isScaled(type)) continue;
      const scalesFrom = this.scalesOffset(type, slab.rows) + 2 * from * scaleCount(type, this.columns);
      const scalesTo = this.scalesOffset(type, rows);
      encoder.copyBufferToBuffer(slab.buffer, scalesFrom, buffers[i]!, scalesTo, this.scaleBytes(type, rows));
    }
    this.gpu.device.queue.submit([encoder.finish()]);
    for (const { buffer } of slabs) buffer.destroy();
    return parts.map(({ stackRow, rows }, i) => ({ buffer: buffers[i]!, stackRow, rows }));
  }

  private async createSlabBuffers(what: string, type: QuantType, slabs: readonly Omit<Slab, 'buffer'>[]): Promise<GPUBuffer[]> {
    const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST | BUFFER_USAGE.COPY_SRC;
    const wanted = slabs.map(({ stackRow, rows }) => [
      `${what} from row ${stackRow}`,
      { bytes: this.scalesOffset(type, rows) + this.scaleBytes(type, rows), usage },
    ]);
    return Object.values(await createBuffers(this.gpu, `weights: ${what}`, Object.fromEntries(wanted)));
  }

  private rowsPerSlab(type: QuantType): number {
    const bytesPerRow = rowBytes(type, this.columns);
    const rows = Math.floor((this.gpu.maxWeightBufferBytes - 2 * BINDING_ALIGN_BYTES) / bytesPerRow);
    return Math.max(WEIGHT_PIECE_ROWS, rows - (rows % WEIGHT_PIECE_ROWS));
  }

  private scalesOffset(type: QuantType, rows: number): number {
    const bytes = rows * quantBytes(type, this.columns);
    return isScaled(type) ? roundUp(bytes, BINDING_ALIGN_BYTES) : bytes;
  }

  private scaleBytes(type: QuantType, rows: number): number {
    return roundUp(2 * rows * scaleCount(type, this.columns), 4);
  }

  /** Uploads the rows that the tensor and the slab share. */
  private fill(slab: Slab, tensor: WeightTensor, tensorStart: number): void {
    const bytesPerRow = rowBytes(tensor.type, this.columns);
    const pieceRows = Math.max(WEIGHT_PIECE_ROWS, roundUp(Math.floor(WEIGHT_PIECE_BYTES / bytesPerRow), WEIGHT_PIECE_ROWS));
    const end = Math.min(tensorStart + tensor.rows, slab.stackRow + slab.rows);
    for (let row = Math.max(tensorStart, slab.stackRow); row < end; row += pieceRows) {
      const from = (row - tensorStart) * bytesPerRow;
      const bytes = tensor.bytes.subarray(from, from + Math.min(pieceRows, end - row) * bytesPerRow);
      this.write(slab, tensor.type, row - slab.stackRow, bytes);
    }
  }

  private write({ buffer, rows }: Slab, type: QuantType, row: number, bytes: Uint8Array): void {
    const { queue } = this.gpu.device;
    const at = row * quantBytes(type, this.columns);
    if (!isScaled(type)) {
      queue.writeBuffer(buffer, at, bytes as Uint8Array<ArrayBuffer>);
      return;
    }
    const { quants, scales } = splitBlocks(type, bytes);
    queue.writeBuffer(buffer, at, quants as Uint8Array<ArrayBuffer>);
    queue.writeBuffer(buffer, this.scalesOffset(type, rows) + 2 * row * scaleCount(type, this.columns), wholeWords(scales));
  }

  private run(type: QuantType, slab: Slab, start: number, end: number): RowRun[] {
    const { buffer, rows } = slab;
    const quants = { buffer, offset: 0, size: rows * quantBytes(type, this.columns) };
    const scales = isScaled(type)
      ? { buffer, offset: this.scalesOffset(type, rows), size: this.scaleBytes(type, rows) }
      : { ...quants, size: Math.min(16, quants.size) };
    return overlap(slab, start, end).map((part) => ({
      type,
      quants,
      scales,
      firstRow: part.stackRow - slab.stackRow,
      rows: part.rows,
      stackRow: part.stackRow,
    }));
  }
}

/** The rows of a slab that lie in a range, if any. */
function overlap(slab: Slab, start: number, end: number): { slab: Slab; stackRow: number; rows: number }[] {
  const from = Math.max(start, slab.stackRow);
  const rows = Math.min(end, slab.stackRow + slab.rows) - from;
  return rows > 0 ? [{ slab, stackRow: from, rows }] : [];
}

/** A write takes whole words. */
function wholeWords(halves: Uint16Array): Uint16Array<ArrayBuffer> {
  if (halves.length % 2 === 0) return halves as Uint16Array<ArrayBuffer>;
  const padded = new Uint16Array(halves.length + 1);
  padded.set(halves);
  return padded;
}

function merged(ranges: readonly [number, number][]): [number, number][] {
  const result: [number, number][] = [];
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last?.[1] === start) last[1] = end;
    else result.push([start, end]);
  }
  return result;
}
