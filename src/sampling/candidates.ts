import { AppError } from '../shared/errors.ts';
import type { HeadRow } from '../shared/model/head-row.ts';

export interface Candidate {
  id: number;
  /** As the model gave it. */
  rawLogit: number;
  /** With penalties and bias. */
  logit: number;
}

/** Everything known about a row, best first. */
export interface Candidates {
  known: Candidate[];
  /** How many of `known` are certainly the best of the whole vocabulary, in this order. */
  certain: number;
  /** No unknown id has a larger logit. */
  unknownLimit: number;
  unknownCount: number;
  /** Of ids that are rows of the head and no tokens, as the model gave them: they are in its sums, and are never chosen. */
  paddingLogits: number[];
  unknownPadding: number;
}

/** A file's head may have more rows than its tokenizer has tokens: rows that pad it to a round number. */
export interface VocabularySizes {
  tokens: number;
  headRows: number;
}

/** How far the exponential of a head's sum may be off by a float32 sum over a vocabulary. */
export const SUM_RELATIVE_ERROR = 2 ** -16;

/** @throws AppError model-malformed when the head lacks rows for some tokens */
export function vocabularySizes(tokens: number, headRows: number): VocabularySizes {
  if (tokens <= headRows) return { tokens, headRows };
  throw new AppError('model-malformed', `the tokenizer has ${tokens} tokens, the output matrix only ${headRows} rows`);
}

/**
 * @param wanted the ids that were asked for, in the order of `row.wantLogits`: all that `adjust` changes are among them
 * @throws AppError stage-failed when the reply does not fit the question or holds what is no number
 */
export function candidatesOf(
  row: HeadRow,
  wanted: Uint32Array,
  sizes: VocabularySizes,
  adjust: (id: number, logit: number) => number,
): Candidates {
  const rawLogits = [...knownLogits(row, wanted, sizes.headRows)];
  const tokens = rawLogits.filter(([id]) => id < sizes.tokens);
  const known = tokens.map(([id, rawLogit]) => ({ id, rawLogit, logit: adjust(id, rawLogit) }));
  known.sort((a, b) => b.logit - a.logit || a.id - b.id);
  const paddingLogits = rawLogits.flatMap(([id, rawLogit]) => (id < sizes.tokens ? [] : [rawLogit]));
  const unknownPadding = sizes.headRows - sizes.tokens - paddingLogits.length;
  const unknownCount = sizes.tokens - known.length;
  const unknownLimit = unknownCount > 0 ? row.topLogits.at(-1)! : Number.NEGATIVE_INFINITY;
  // An unknown id may equal the limit, and would come before a known one of a larger id.
  const firstUncertain = unknownCount > 0 ? known.findIndex(({ logit }) => logit <= unknownLimit) : -1;
  const certain = firstUncertain < 0 ? known.length : firstUncertain;
  return { known, certain, unknownLimit, unknownCount, paddingLogits, unknownPadding };
}

function knownLogits(row: HeadRow, wanted: Uint32Array, headRows: number): Map<number, number> {
  const known = new Map<number, number>();
  if (row.logits) {
    checkCount('logits', row.logits.length, headRows);
    row.logits.forEach((logit, id) => {
      known.set(id, checkLogit(id, logit));
    });
    return known;
  }
  checkCount('largest logits', row.topLogits.length, row.topIds.length);
  checkCount('wanted logits', row.wantLogits.length, wanted.length);
  if (row.topIds.length === 0) throw new AppError('stage-failed', 'the head gave no logits');
  row.topIds.forEach((id, i) => {
    known.set(checkId(id, headRows), checkLogit(id, row.topLogits[i]!));
  });
  wanted.forEach((id, i) => {
    known.set(checkId(id, headRows), checkLogit(id, row.wantLogits[i]!));
  });
  return known;
}

function checkCount(what: string, got: number, wanted: number): void {
  if (got !== wanted) throw new AppError('stage-failed', `the head gave ${got} ${what} where ${wanted} were asked`);
}

function checkId(id: number, headRows: number): number {
  if (id >= headRows) throw new AppError('stage-failed', `the head named token ${id} of a vocabulary of ${headRows}`);
  return id;
}

function checkLogit(id: number, logit: number): number {
  if (!(logit < Number.POSITIVE_INFINITY)) throw new AppError('stage-failed', `the head gave the logit ${logit} for token ${id}`);
  return logit;
}
