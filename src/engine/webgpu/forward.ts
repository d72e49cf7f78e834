import { type LayerRange, layerCount } from '../../shared/model/layer-range.ts';
import type { SequenceRun } from '../checked-runs.ts';
import type { ForwardRequest, ForwardResult, HeadRequest, HeadRow } from '../shard-engine.ts';
import { Attention } from './attention.ts';
import { ForwardInputs } from './forward-inputs.ts';
import type { EmbeddingPart, HeadPart, LayerPart, PartBase } from './gpu-parts.ts';
import { headRow } from './head-reply.ts';
import { type HeadBlock, HeadStage } from './head-stage.ts';
import { encodeSteps } from './kernel.ts';
import type { KvCache } from './kv-cache.ts';
import { type Pace, Pacer } from './pacing.ts';
import { ReadBack } from './read-back.ts';
import { groupTokens } from './variants.ts';

/** The parts that a forward runs through, all loaded. */
export interface ForwardParts {
  embedding: EmbeddingPart | null;
  layers: readonly LayerPart[];
  head: HeadPart | null;
}

/** A forward under way: what its chunks share. */
interface Job {
  request: ForwardRequest;
  runs: readonly SequenceRun[];
  parts: ForwardParts;
  pace: Pace;
  blocks: readonly HeadBlock[];
  readBack: GPUBuffer;
}

/** Rows [start, end) of a forward. */
interface Chunk {
  start: number;
  end: number;
}

/**
 * Encodes and submits forwards. A decode is one submission and one read-back; a long prompt goes chunk by chunk, and
 * where even one chunk would take too long, some layers at a time.
 */
export class Forwarder {
  private readonly base: PartBase;
  private readonly cache: KvCache;
  private readonly inputs: ForwardInputs;
  private readonly attention: Attention;
  private readonly headStage: HeadStage;
  private readonly results: ReadBack;
  private readonly pacer: Pacer;

  constructor(base: PartBase, cache: KvCache) {
    const { dim, nHeads, nKvHeads, headDim, ffnDim } = base.spec;
    this.base = base;
    this.cache = cache;
    this.inputs = new ForwardInputs(base);
    this.attention = new Attention(base);
    this.headStage = new HeadStage(base);
    this.results = new ReadBack(base.gpu);
    this.pacer = new Pacer(groupTokens(base.gpu.variant.many), dim * ((2 * nHeads + 2 * nKvHeads) * headDim + 3 * ffnDim));
  }

  /** The request and its parts were checked. @throws AppError out-of-memory, device-lost, internal */
  async run(request: ForwardRequest, runs: readonly SequenceRun[], parts: ForwardParts): Promise<ForwardResult> {
    const rows = request.rows.length;
    const { blocks, bytes } = request.head ? this.headStage.blocks(request.head) : { blocks: [], bytes: 0 };
    const pace = this.pacer.pace(rows, layerCount(request.layers), this.base.scratch.chunkRows);
    await this.cache.reserve(runs, request.layers);
    const started = performance.now();
    const readBytes = request.head ? bytes : 4 * rows * this.base.spec.dim;
    const result = await this.results.read(readBytes, 'forward', (readBack) =>
      this.submit({ request, runs, parts, pace, blocks, readBack }),
    );
    this.pacer.learn(rows, layerCount(request.layers), performance.now() - started);
    this.cache.advance(runs, request.layers);
    if (!request.head) return { hidden: new Float32Array(result), head: [] };
    return { hidden: null, head: await this.headRows(result, blocks, request.head, parts.head) };
  }

  destroy(): void {
    this.results.destroy();
  }

  private submit(job: Job): void {
    const { request, pace } = job;
    for (let start = 0; start < request.rows.length; start += pace.chunkRows) {
      this.submitChunk(job, { start, end: Math.min(start + pace.chunkRows, request.rows.length) });
    }
  }

  private submitChunk(job: Job, chunk: Chunk): void {
    const { device } = this.base.gpu;
    const { parts, pace, request } = job;
    const runs = runsWithin(job.runs, chunk);
    this.writeInputs(request, runs, chunk);
    const rows = chunk.end - chunk.start;
    let encoder = device.createCommandEncoder({ label: 'forward' });
    let pass = encoder.beginComputePass({ label: 'layers' });
    if (parts.embedding) encodeSteps(pass, parts.embedding.embed, rows);
    for (let first = 0; first < parts.layers.length; first += pace.layersPerSubmission) {
      if (first > 0) {
        pass.end();
        device.queue.submit([encoder.finish()]);
        encoder = device.createCommandEncoder({ label: 'forward, continued' });
        pass = encoder.beginComputePass({ label: 'layers' });
      }
      const end = Math.min(first + pace.layersPerSubmission, parts.layers.length);
      this.encodeLayers(pass, job, runs, rows, { startLayer: first, endLayer: end });
    }
    pass.end();
    this.encodeResults(encoder, job, chunk);
    device.queue.submit([encoder.finish()]);
  }

  private writeInputs({ input, layers, head }: ForwardRequest, runs: readonly SequenceRun[], { start, end }: Chunk): void {
    const { gpu, scratch, spec } = this.base;
    const isTokens = 'tokens' in input;
    if (!isTokens) gpu.device.queue.writeBuffer(scratch.hidden, 0, input.hidden.slice(start * spec.dim, end * spec.dim));
    this.inputs.write({
      ids: isTokens ? input.tokens.subarray(start, end) : null,
      rows: end - start,
      runs: layerCount(layers) > 0 ? runs : [],
      invTemperature: head?.invTemperature ?? 1,
    });
  }

  /** `layers` counts from the first layer of the request. */
  private encodeLayers(
    pass: GPUComputePassEncoder,
    job: Job,
    runs: readonly SequenceRun[],
    rows: number,
    layers: LayerRange,
  ): void {
    const caches = runs.map(({ sequence }) => this.cache.layersOf(sequence));
    for (let i = layers.startLayer; i < layers.endLayer; i++) {
      const layer = job.parts.layers[i]!;
      encodeSteps(pass, layer.beforeAttention, rows);
      for (let run = 0; run < runs.length; run++) {
        this.attention.encode(pass, run, runs[run]!, caches[run]!.get(job.request.layers.startLayer + i)!);
      }
      encodeSteps(pass, layer.afterAttention, rows);
    }
  }

  private encodeResults(encoder: GPUCommandEncoder, { request, parts, blocks, readBack }: Job, { start, end }: Chunk): void {
    const { scratch, spec } = this.base;
    if (!request.head) {
      const rowBytes = 4 * spec.dim;
      encoder.copyBufferToBuffer(scratch.hidden, 0, readBack, start * rowBytes, (end - start) * rowBytes);
      return;
    }
    for (const block of blocks) {
      const rows = request.head.rows.slice(block.first, block.first + block.layout.rows);
      // A block may begin in one chunk and end in another: its rows wait in a buffer of their own.
      for (const [to, row] of rows.entries()) {
        if (row >= start && row < end) this.headStage.takeRow(encoder, row - start, to);
      }
      const last = rows.at(-1)!;
      if (last >= start && last < end) this.headStage.encode(encoder, parts.head!, block, readBack, request.head.wantIds);
    }
  }

  private async headRows(
    result: ArrayBuffer,
    blocks: readonly HeadBlock[],
    request: HeadRequest,
    head: HeadPart | null,
  ): Promise<HeadRow[]> {
    const { dim, vocabSize } = this.base.spec;
    const rows: HeadRow[] = [];
    for (const { layout, offsetBytes } of blocks) {
      const block = result.slice(offsetBytes, offsetBytes + 4 * layout.words);
      for (let row = 0; row < layout.rows; row++) {
        const hidden = new Float32Array(block, 4 * (layout.hidden + row * dim), dim);
        rows.push(headRow(block, layout, row, vocabSize, request) ?? (await this.wholeHeadRow(hidden, request, head!)));
      }
    }
    return rows;
  }

  /** So many logits are as large as the HEAD_TOP-th that they did not fit: once more, with all of them. */
  private async wholeHeadRow(hidden: Float32Array<ArrayBuffer>, request: HeadRequest, head: HeadPart): Promise<HeadRow> {
    const { gpu, scratch, spec } = this.base;
    const whole = { ...request, rows: [0], fullRow: true };
    const { blocks, bytes } = this.headStage.blocks(whole);
    const block = blocks[0]!;
    const result = await this.results.read(bytes, 'whole row of logits', (readBack) => {
      gpu.device.queue.writeBuffer(scratch.headHidden, 0, hidden);
      const encoder = gpu.device.createCommandEncoder({ label: 'whole row' });
      this.headStage.encode(encoder, head, block, readBack, whole.wantIds);
      gpu.device.queue.submit([encoder.finish()]);
    });
    return headRow(result, block.layout, 0, spec.vocabSize, request)!;
  }
}

/** The parts of runs that lie in a chunk, with rows counted from the chunk's first. */
export function runsWithin(runs: readonly SequenceRun[], { start, end }: Chunk): readonly SequenceRun[] {
  const last = runs.at(-1)!;
  if (start === 0 && end >= last.firstRow + last.rowCount) return runs;
  return runs.flatMap((run) => {
    const from = Math.max(start, run.firstRow);
    const to = Math.min(end, run.firstRow + run.rowCount);
    if (from >= to) return [];
    return [{ sequence: run.sequence, start: run.start + from - run.firstRow, firstRow: from - start, rowCount: to - from }];
  });
}
