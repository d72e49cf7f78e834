import type { HeadAsk, HeadRow } from '../../shared/model/head-row.ts';
import { type LayerRange, layerCount } from '../../shared/model/layer-range.ts';
import type { SequenceRun } from '../checked-runs.ts';
import type { ForwardRequest, ForwardResult } from '../shard-engine.ts';
import { Attention } from './attention.ts';
import { ForwardInputs } from './forward-inputs.ts';
import type { EmbeddingPart, HeadPart, LayerPart, PartBase } from './gpu-parts.ts';
import { headRow } from './head-reply.ts';
import { type HeadBlock, HeadStage, temperaturesOf } from './head-stage.ts';
import { encodeSteps } from './kernel.ts';
import { type KvShape, reserveKv } from './kv-cache.ts';
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
  private readonly kvShape: KvShape;
  private readonly inputs: ForwardInputs;
  private readonly attention: Attention;
  private readonly headStage: HeadStage;
  private readonly results: ReadBack;
  private readonly pacer: Pacer;

  constructor(base: PartBase, kvShape: KvShape) {
    const { dim, nHeads, nKvHeads, headDim, ffnDim } = base.spec;
    this.base = base;
    this.kvShape = kvShape;
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
    const kvs = parts.layers.map(({ kv }) => kv);
    await reserveKv(this.base.gpu, this.kvShape, kvs, runs);
    const started = performance.now();
    const readBytes = request.head ? bytes : 4 * rows * this.base.spec.dim;
    const result = await this.results.read(readBytes, 'forward', (readBack) =>
      this.submit({ request, runs, parts, pace, blocks, readBack }),
    );
    this.pacer.learn(rows, layerCount(request.layers), performance.now() - started);
    for (const kv of kvs) for (const { sequence, start, rowCount } of runs) kv.open(sequence).length = start + rowCount;
    if (!request.head) return { hidden: new Float32Array(result), head: [] };
    return { hidden: null, head: await this.headRows(result, blocks, parts.head) };
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
    const endingBlocks = blocksEndingIn(job.blocks, chunk);
    this.writeInputs(request, runs, chunk, endingBlocks[0]);
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
    device.queue.submit([this.encodeResults(encoder, job, chunk).finish()]);
  }

  private writeInputs(
    { input, layers }: ForwardRequest,
    runs: readonly SequenceRun[],
    { start, end }: Chunk,
    firstBlock: HeadBlock | undefined,
  ): void {
    const { gpu, scratch, spec } = this.base;
    const isTokens = 'tokens' in input;
    if (!isTokens) gpu.device.queue.writeBuffer(scratch.hidden, 0, input.hidden.slice(start * spec.dim, end * spec.dim));
    this.inputs.write({
      ids: isTokens ? input.tokens.subarray(start, end) : null,
      rows: end - start,
      runs: layerCount(layers) > 0 ? runs : [],
      temperatures: firstBlock ? temperaturesOf(firstBlock) : [],
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
    for (let i = layers.startLayer; i < layers.endLayer; i++) {
      const layer = job.parts.layers[i]!;
      encodeSteps(pass, layer.beforeAttention, rows);
      for (let run = 0; run < runs.length; run++) {
        this.attention.encode(pass, run, runs[run]!, layer.kv.open(runs[run]!.sequence));
      }
      encodeSteps(pass, layer.afterAttention, rows);
    }
  }

  /** @returns the encoder to go on with: another one where a block of head rows needed other temperatures than that before it */
  private encodeResults(encoder: GPUCommandEncoder, job: Job, { start, end }: Chunk): GPUCommandEncoder {
    const { scratch, spec } = this.base;
    const { request, parts, blocks, readBack } = job;
    if (!request.head) {
      const rowBytes = 4 * spec.dim;
      encoder.copyBufferToBuffer(scratch.hidden, 0, readBack, start * rowBytes, (end - start) * rowBytes);
      return encoder;
    }
    let [current, before]: [GPUCommandEncoder, HeadBlock | null] = [encoder, null];
    for (const block of blocks) {
      // A block may begin in one chunk and end in another: its rows wait in a buffer of their own.
      for (const [to, { row }] of block.layout.asks.entries()) {
        if (row >= start && row < end) this.headStage.takeRow(current, row - start, to);
      }
      if (!endsIn(block, { start, end })) continue;
      if (before) current = this.withTemperatures(current, before, block);
      this.headStage.encode(current, parts.head!, block, readBack);
      before = block;
    }
    return current;
  }

  /** Several blocks of one submission share their temperatures; those of unlike ones are written between two. */
  private withTemperatures(encoder: GPUCommandEncoder, before: HeadBlock, block: HeadBlock): GPUCommandEncoder {
    const { device } = this.base.gpu;
    const temperatures = temperaturesOf(block);
    const known = temperaturesOf(before);
    if (block.layout.asks.every((_, row) => temperatures[row] === known[row])) return encoder;
    device.queue.submit([encoder.finish()]);
    this.inputs.writeTemperatures(temperatures);
    return device.createCommandEncoder({ label: 'head, continued' });
  }

  private async headRows(result: ArrayBuffer, blocks: readonly HeadBlock[], head: HeadPart | null): Promise<HeadRow[]> {
    const { dim, vocabSize } = this.base.spec;
    const rows: HeadRow[] = [];
    for (const { layout, offsetBytes } of blocks) {
      const block = result.slice(offsetBytes, offsetBytes + 4 * layout.words);
      for (const [row, ask] of layout.asks.entries()) {
        const hidden = new Float32Array(block, 4 * (layout.hidden + row * dim), dim);
        rows.push(headRow(block, layout, row, vocabSize) ?? (await this.wholeHeadRow(hidden, ask, head!)));
      }
    }
    return rows;
  }

  /** So many logits are as large as the HEAD_TOP-th that they did not fit: once more, with all of them. */
  private async wholeHeadRow(hidden: Float32Array<ArrayBuffer>, ask: HeadAsk, head: HeadPart): Promise<HeadRow> {
    const { gpu, scratch, spec } = this.base;
    const { blocks, bytes } = this.headStage.blocks([{ ...ask, row: 0, fullRow: true }]);
    const block = blocks[0]!;
    const result = await this.results.read(bytes, 'whole row of logits', (readBack) => {
      gpu.device.queue.writeBuffer(scratch.headHidden, 0, hidden);
      this.inputs.writeTemperatures(temperaturesOf(block));
      const encoder = gpu.device.createCommandEncoder({ label: 'whole row' });
      this.headStage.encode(encoder, head, block, readBack);
      gpu.device.queue.submit([encoder.finish()]);
    });
    const row = headRow(result, block.layout, 0, spec.vocabSize)!;
    return ask.fullRow ? row : { ...row, logits: null };
  }
}

/** A block is computed in the chunk that has its last row. */
function endsIn({ layout }: HeadBlock, { start, end }: Chunk): boolean {
  const { row } = layout.asks.at(-1)!;
  return row >= start && row < end;
}

function blocksEndingIn(blocks: readonly HeadBlock[], chunk: Chunk): HeadBlock[] {
  return blocks.filter((block) => endsIn(block, chunk));
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
