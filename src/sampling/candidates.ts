import { AppError } from '../shared/errors.ts';

/** What a head says of one row: the fields of an engine's `HeadRow`. */
export interface LogitsRow {
  logSumExp: number;
  scaledLogSumExp: number;
  topIds: Uint32Array;
  topLogits: Float32Array;
  /** In the order of the ids that were wanted. */
  wantLogits: Float32Array;
  /** (vocabSize), or null when only the largest are known. */
  logits: Float32Array | null;
}

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
}

/**
 * @param wanted the ids that were asked for, in the order of `row.wantLogits`: all that `adjust` changes are among them
 * @throws AppError stage-failed when the reply does not fit the question or holds what is no number
 */
export function candidatesOf(
  row: LogitsRow,
  wanted: Uint32Array,
  vocabSize: number,
  adjust: (id: number, logit: number) => number,
): Candidates {
  const rawLogits = knownLogits(row, wanted, vocabSize);
  const known = Array.from(rawLogits, ([id, rawLogit]) => ({ id, rawLogit, logit: adjust(id, rawLogit) }));
  known.sort((a, b) => b.logit - a.logit || a.id - b.id);
  const unknownCount = vocabSize - known.length;
  const unknownLimit = unknownCount > 0 ? row.topLogits.at(-1)! : Number.NEGATIVE_INFINITY;
  // An unknown id may equal the limit, and would come before a known one of a larger id.
  const firstUncertain = unknownCount > 0 ? known.findIndex(({ logit }) => logit <= unknownLimit) : -1;
  return { known, certain: firstUncertain < 0 ? known.length : firstUncertain, unknownLimit, unknownCount };
}

function knownLogits(row: LogitsRow, wanted: Uint32Array, vocabSize: number): Map<number, number> {
  const known = new Map<number, number>();
  if (row.logits) {
    checkCount('logits', row.logits.length, vocabSize);
    row.logits.forEach((logit, id) => {
      known.set(id, checkLogit(id, logit));
    });
    return known;
  }
  checkCount('largest logits', row.topLogits.length, row.topIds.length);
  checkCount('wanted logits', row.wantLogits.length, wanted.length);
  if (row.topIds.length === 0) throw new AppError('stage-failed', 'the head gave no logits');
  row.topIds.forEach((id, i) => {
    known.set(checkId(id, vocabSize), checkLogit(id, row.topLogits[i]!));
  });
  wanted.forEach((id, i) => {
    known.set(checkId(id, vocabSize), checkLogit(id, row.wantLogits[i]!));
  });
  return known;
}

function checkCount(what: string, got: number, wanted: number): void {
  if (got !== wanted) throw new AppError('stage-failed', `the head gave ${got} ${what} where ${wanted} were asked`);
}

function checkId(id: number, vocabSize: number): number {
  if (id >= vocabSize) throw new AppError('stage-failed', `the head named token ${id} of a vocabulary of ${vocabSize}`);
  return id;
}

function checkLogit(id: number, logit: number): number {
  if (!(logit < Number.POSITIVE_INFINITY)) throw new AppError('stage-failed', `the head gave the logit ${logit} for token ${id}`);
  return logit;
}
