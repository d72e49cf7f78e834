import type { ShardEngine } from '../engine/shard-engine.ts';
import type { HeadRow } from '../shared/model/head-row.ts';
import type { SourcePart, StepRequest } from './source-part.ts';

/** A chat's own part on an engine that holds the embedding, and in a private room the first layers and the head. */
export class EngineSourcePart implements SourcePart {
  readonly sourceLayers: number;
  readonly hasHead: boolean;
  private readonly engine: ShardEngine;

  constructor(engine: ShardEngine, sourceLayers: number, hasHead: boolean) {
    this.engine = engine;
    this.sourceLayers = sourceLayers;
    this.hasHead = hasHead;
  }

  async enter(sequence: number, position: number, tokens: readonly number[]): Promise<Float32Array> {
    const key = String(sequence);
    const rows = tokens.map((_, i) => ({ sequence: key, position: position + i }));
    const layers = { startLayer: 0, endLayer: this.sourceLayers };
    if (this.sourceLayers > 0) this.engine.truncate(key, position);
    const { hidden } = await this.engine.forward({ rows, input: { tokens: Uint32Array.from(tokens) }, layers, head: null });
    return hidden!;
  }

  async leave(hidden: Float32Array, step: StepRequest): Promise<HeadRow> {
    // The head alone: no layer, so that neither sequence nor position mean anything.
    const rows = [{ sequence: 'head', position: 0 }];
    const layers = { startLayer: this.sourceLayers, endLayer: this.sourceLayers };
    const { head } = await this.engine.forward({ rows, input: { hidden }, layers, head: [{ row: 0, ...step }] });
    return head[0]!;
  }

  free(sequence: number): void {
    this.engine.freeSequence(String(sequence));
  }
}
