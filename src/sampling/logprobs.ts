import { AppError } from '../shared/errors.ts';
import type { HeadRow } from '../shared/model/head-row.ts';
import { type Candidate, type Candidates, candidatesOf, SUM_RELATIVE_ERROR, type VocabularySizes } from './candidates.ts';

export interface TokenLogprob {
  id: number;
  /** Natural logarithm of the model's own probability: temperature 1, no penalties, no bias. */
  logprob: number;
}

export interface Logprobs {
  chosen: TokenLogprob;
  /** The most likely tokens, best first. */
  top: TokenLogprob[];
}

/**
 * Rows of the head that are no tokens have no probability: where they may weigh more than the rounding of the head's sum, or leave
 * fewer than `topCount` tokens among the largest logits, the full row is needed and is summed without them.
 *
 * @throws AppError stage-failed when the reply is not usable or does not hold the logit of `token`
 */
export function logprobsOf(
  row: HeadRow,
  wanted: Uint32Array,
  token: number,
  topCount: number,
  sizes: VocabularySizes,
): Logprobs | { need: 'full-row' } {
  const candidates = candidatesOf(row, wanted, sizes, (_, logit) => logit);
  const { known, certain, unknownCount } = candidates;
  const chosen = known.find(({ id }) => id === token);
  if (!chosen) throw new AppError('stage-failed', `the head did not give the logit of token ${token}`);
  const logSumExp = tokensLogSumExp(row, candidates, sizes);
  if (logSumExp === null || (unknownCount > 0 && certain < topCount)) return { need: 'full-row' };
  const entry = ({ id, rawLogit }: Candidate) => ({ id, logprob: rawLogit - logSumExp });
  return { chosen: entry(chosen), top: known.slice(0, topCount).map(entry) };
}

/** log of the sum over the tokens of exp(logit), or null where padding may have more of the head's sum than its rounding. */
function tokensLogSumExp(row: HeadRow, candidates: Candidates, sizes: VocabularySizes): number | null {
  const { known, paddingLogits, unknownCount, unknownPadding, unknownLimit } = candidates;
  if (sizes.tokens === sizes.headRows) return row.logSumExp;
  if (unknownCount === 0) {
    const largest = known[0]!.rawLogit;
    return largest + Math.log(known.reduce((sum, { rawLogit }) => sum + Math.exp(rawLogit - largest), 0));
  }
  const shareOf = (logit: number) => Math.exp(logit - row.logSumExp);
  const padding = paddingLogits.reduce((sum, logit) => sum + shareOf(logit), unknownPadding * shareOf(unknownLimit));
  return padding <= SUM_RELATIVE_ERROR ? row.logSumExp : null;
}
