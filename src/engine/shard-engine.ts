import type { WeightTensor } from '../gguf/weight-tensor.ts';
import type { AppError } from '../shared/errors.ts';
import type { EngineKind } from '../shared/model/device-profile.ts';
import type { HeadAsk, HeadRow } from '../shared/model/head-row.ts';
import type { LayerRange } from '../shared/model/layer-range.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';

/** One sequence of one source; opaque to the engine. */
export type SequenceKey = string;

export interface EngineOptions {
  spec: ModelSpec;
  /** No sequence grows beyond this, tokens. */
  contextLength: number;
}

export interface Row {
  sequence: SequenceKey;
  /** Index of this token in its sequence, from 0. */
  position: number;
}

/**
 * Rows to run through a range of layers, and then through the head if asked.
 *
 * Rows of one sequence stand next to each other with ascending positions, each the next one of its sequence; several
 * sequences may share a forward. With `tokens` the embedding must be loaded and the rows start as embeddings.
 */
export interface ForwardRequest {
  rows: readonly Row[];
  input: { tokens: Uint32Array /* (rows) */ } | { hidden: Float32Array /* (rows, dim) */ };
  /** May be empty: with `tokens` and no layers the result is the embeddings. */
  layers: LayerRange;
  /** Ascending rows, each at most once. May be empty: then nothing is said of any row, and no hidden states come back. */
  head: readonly HeadAsk[] | null;
}

/** The same of several rows. */
export function askRows(rows: readonly number[], wish: Partial<Omit<HeadAsk, 'row'>> = {}): HeadAsk[] {
  return rows.map((row) => ({ row, wantIds: new Uint32Array(0), fullRow: false, invTemperature: 1, ...wish }));
}

export interface ForwardResult {
  /** (rows, dim) hidden states after the last layer; null when the head was asked. */
  hidden: Float32Array | null;
  /** One entry per ask. */
  head: HeadRow[];
}

export interface EngineMemory {
  weightBytes: number;
  kvBytes: number;
}

/**
 * Runs a shard of a Llama model: any set of layers, the embedding, the head.
 *
 * Contract, tested on every implementation:
 * - A row is a row: a row's result is bit-identical whatever other rows share its forward, however a prompt was chunked
 *   and wherever the layers are split.
 * - Truncating a sequence is the same as never having seen what was cut.
 * - Freeing returns the memory.
 * - Calls may overlap; they run in the order they were made.
 */
export interface ShardEngine {
  readonly kind: EngineKind;
  /** For people: adapter or processor. */
  readonly adapter: string;
  /** For people: how the kernels share the work, where there are several ways. */
  readonly variant?: string;

  /** Takes the tensors, or pieces of them, one at a time and keeps none of the buffers it was given. @throws AppError out-of-memory */
  loadLayer(layer: number, tensors: AsyncIterable<WeightTensor>): Promise<void>;
  loadHead(tensors: AsyncIterable<WeightTensor>): Promise<void>;
  loadEmbedding(tensors: AsyncIterable<WeightTensor>): Promise<void>;
  unloadLayer(layer: number): void;
  unloadHead(): void;
  unloadEmbedding(): void;

  /**
   * @throws AppError sequence-gap (a position is not the next of its sequence in some layer), stage-failed (a layer, the
   * head or the embedding is not loaded), context-full, out-of-memory, device-lost
   */
  forward(request: ForwardRequest): Promise<ForwardResult>;

  /** Forgets positions from `length` on, in every layer or only in those of `layers`. Unknown sequences are fine. */
  truncate(sequence: SequenceKey, length: number, layers?: LayerRange): void;
  freeSequence(sequence: SequenceKey): void;

  memory(): EngineMemory;
  /** Resolves when the device is gone; never rejects. A destroyed engine does not report itself. */
  readonly lost: Promise<AppError>;
  destroy(): void;
}
