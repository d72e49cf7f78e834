import { AppError } from '../shared/errors.ts';
import type { LogitsRow } from './candidates.ts';

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

/** @throws AppError stage-failed when the reply does not hold the logit of `token` */
export function logprobsOf(row: LogitsRow, wanted: Uint32Array, token: number, topCount: number): Logprobs {
  const entry = (id: number, logit: number) => ({ id, logprob: logit - row.logSumExp });
  const top = Array.from(row.topIds.subarray(0, topCount), (id, i) => entry(id, row.topLogits[i]!));
  const logit = row.logits?.[token] ?? row.topLogits[row.topIds.indexOf(token)] ?? row.wantLogits[wanted.indexOf(token)];
  if (logit === undefined) throw new AppError('stage-failed', `the head did not give the logit of token ${token}`);
  return { chosen: entry(token, logit), top };
}
