import type { HeadAsk, HeadRow } from '../../shared/model/head-row.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { SequenceRun } from '../checked-runs.ts';
import { describeHeadRow } from '../cpu/head.ts';
import type { ForwardRequest, ForwardResult } from '../shard-engine.ts';
import type { LayerKv } from './kv-cache.ts';
import { VALUES } from './llama-graph.ts';
import type { OnnxRuntime, Session, Tensor } from './runtime.ts';

/** Some adapters give wrong results for longer prefills in one call. */
const MAX_CHUNK_ROWS = 16;

export interface LayerPart {
  session: Session;
  kv: LayerKv;
}

export interface ForwardParts {
  layers: readonly LayerPart[];
  head: { session: Session } | null;
}

/** Runs rows through sessions, one sequence and one chunk after the other; between layers they stay on the device. */
export class Forwarder {
  private readonly runtime: OnnxRuntime;
  private readonly spec: ModelSpec;

  constructor(runtime: OnnxRuntime, spec: ModelSpec) {
    this.runtime = runtime;
    this.spec = spec;
  }

  /**
   * The request and its parts were checked. Keys and values of all layers grow by the rows, also when it fails midway.
   * @param input (rows, dim)
   */
  async run(
    request: ForwardRequest,
    runs: readonly SequenceRun[],
    { layers, head }: ForwardParts,
    input: Float32Array,
  ): Promise<ForwardResult> {
    const { dim } = this.spec;
    const result: ForwardResult = { hidden: request.head ? null : new Float32Array(input.length), head: [] };
    for (const { sequence, start, firstRow, rowCount } of runs) {
      for (let done = 0; done < rowCount; done += MAX_CHUNK_ROWS) {
        const chunk = {
          sequence,
          start: start + done,
          firstRow: firstRow + done,
          rowCount: Math.min(MAX_CHUNK_ROWS, rowCount - done),
        };
        const rows = input.subarray(chunk.firstRow * dim, (chunk.firstRow + chunk.rowCount) * dim);
        const hidden = await this.throughLayers(layers, chunk, rows);
        if (request.head) result.head.push(...(await this.headRows(head!.session, request.head, chunk, hidden)));
        else result.hidden!.set((await hidden.getData()) as Float32Array, chunk.firstRow * dim);
        hidden.dispose();
      }
    }
    return result;
  }

  /** (1, rows, dim) */
  private async throughLayers(
    layers: readonly LayerPart[],
    { sequence, start, rowCount }: SequenceRun,
    rows: Float32Array,
  ): Promise<Tensor> {
    const { Tensor } = this.runtime.ort;
    const end = start + rowCount;
    let hidden: Tensor = new Tensor('float32', rows, [1, rowCount, this.spec.dim]);
    for (const { session, kv } of layers) {
      const { keys, values } = await kv.tensors(sequence, end);
      const feeds = {
        [VALUES.input]: hidden,
        [VALUES.lastPosition]: new Tensor('int32', Int32Array.of(end - 1), [1]),
        [VALUES.totalLength]: new Tensor('int32', Int32Array.of(end), [1]),
        [VALUES.pastKey(0)]: keys,
        [VALUES.pastValue(0)]: values,
      };
      const fetches = { [VALUES.output]: null, [VALUES.presentKey(0)]: keys, [VALUES.presentValue(0)]: values };
      const results = await this.runtime.run(session, feeds, fetches);
      hidden.dispose();
      hidden = results[VALUES.output]!;
      kv.advance(sequence, end);
    }
    return hidden;
  }

  private async headRows(
    session: Session,
    asks: readonly HeadAsk[],
    { firstRow, rowCount }: SequenceRun,
    hidden: Tensor,
  ): Promise<HeadRow[]> {
    const { vocabSize } = this.spec;
    const own = asks.filter(({ row }) => row >= firstRow && row < firstRow + rowCount);
    if (own.length === 0) return [];
    const rows = Int32Array.from(own, ({ row }) => row - firstRow);
    const wanted = new this.runtime.ort.Tensor('int32', rows, [rows.length]);
    const results = await this.runtime.run(
      session,
      { [VALUES.input]: hidden, [VALUES.headRows]: wanted },
      { [VALUES.logits]: null },
    );
    const logits = (await results[VALUES.logits]!.getData()) as Float32Array;
    return own.map((ask, i) => describeHeadRow(logits.slice(i * vocabSize, (i + 1) * vocabSize), ask));
  }
}
