/** How many of the largest logits a head reply carries. */
export const HEAD_TOP = 128;
/** The head's usual answer for one row: its candidates of (id, logit), logSumExp and its frame's own fields, bytes. */
export const HEAD_REPLY_BYTES = HEAD_TOP * 8 + 16;

/** What is wanted of one row's logits. */
export interface HeadAsk {
  /** Index into `rows`. */
  row: number;
  /** Ids whose logits are wanted whether or not they are among the largest (biased, penalised, drafted). */
  wantIds: Uint32Array;
  /** All logits as well, when the largest do not suffice to sample exactly. */
  fullRow: boolean;
  /** 1 / temperature for `scaledLogSumExp`; 1 for greedy. */
  invTemperature: number;
}

/** What the head says of one row. */
export interface HeadRow {
  /** log of the sum over the vocabulary of exp(logit). */
  logSumExp: number;
  /** log of the sum over the vocabulary of exp(logit * invTemperature). */
  scaledLogSumExp: number;
  /** min(HEAD_TOP, vocabSize) ids, largest logit first, the smaller id first among equals. */
  topIds: Uint32Array;
  topLogits: Float32Array;
  /** In the order of `wantIds`. */
  wantLogits: Float32Array;
  /** (vocabSize) when `fullRow` was asked. */
  logits: Float32Array | null;
}
