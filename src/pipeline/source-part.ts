import type { HeadRow } from '../shared/model/head-row.ts';

/** Which logits a step needs besides the largest. */
export interface StepRequest {
  wantIds: Uint32Array;
  invTemperature: number;
  fullRow: boolean;
}

/**
 * What a chat's own device runs of the model: always the embedding, so that no other sees token ids; in a private room also the
 * first layers, so that no other sees embeddings, and the head, so that no other sees logits.
 */
export interface SourcePart {
  /** Layers before the first stage. */
  readonly sourceLayers: number;
  readonly hasHead: boolean;
  /** Forgets the sequence from `position` on and runs these tokens. (tokens) -> (tokens, dim) */
  enter(sequence: number, position: number, tokens: readonly number[]): Promise<Float32Array>;
  /** One last hidden state, (dim), to logits. Only where the head is here. */
  leave(hidden: Float32Array, step: StepRequest): Promise<HeadRow>;
  free(sequence: number): void;
}
