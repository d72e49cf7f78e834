/** Log of the sum of exp(logits[from .. from + count)). */
export function logSumExp(logits: ArrayLike<number>, from: number, count: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = from; i < from + count; i++) largest = Math.max(largest, logits[i]!);
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += Math.exp(logits[i]! - largest);
  return largest + Math.log(sum);
}

/**
 * Kullback-Leibler divergence of two distributions given by logits, D(exact || other), nats (Kullback and Leibler 1951).
 * Differences as small as ours are lost in the sum p ln(p / q), whose terms are larger than the result and cancel: so each
 * term gets q - p added, which sums to nothing and makes every term positive.
 */
export function divergence(exact: ArrayLike<number>, other: ArrayLike<number>, from: number, count: number): number {
  const exactSum = logSumExp(exact, from, count);
  const otherSum = logSumExp(other, from, count);
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += term(exact[i]! - exactSum, other[i]! - otherSum);
  return sum;
}

/**
 * The same with some tokens told apart and all others taken as one. Joining can only lessen a divergence.
 * @param lnP, lnQ of the tokens told apart
 */
export function joinedDivergence(lnP: ArrayLike<number>, lnQ: ArrayLike<number>): number {
  let sum = 0;
  let restP = 1;
  let restQ = 1;
  for (let i = 0; i < lnP.length; i++) {
    sum += term(lnP[i]!, lnQ[i]!);
    restP -= Math.exp(lnP[i]!);
    restQ -= Math.exp(lnQ[i]!);
  }
  // Rests as small as the roundings above tell nothing.
  return restP > 1e-9 && restQ > 1e-9 ? sum + term(Math.log(restP), Math.log(restQ)) : sum;
}

/** p ln(p / q) - p + q, from ln p and ln q. */
function term(lnP: number, lnQ: number): number {
  const difference = lnQ - lnP;
  return Math.exp(lnP) * (Math.expm1(difference) - difference);
}

/** What a row of numbers comes to. */
export interface Summary {
  mean: number;
  max: number;
}

export function summary(values: readonly number[]): Summary {
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, max: Math.max(...values) };
}
