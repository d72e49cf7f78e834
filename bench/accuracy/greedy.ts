import { type Float64Model, float64Logits } from './float64.ts';

/** Between two ways of computing the same file, only tokens whose logits are closer than this may part. */
export const NEAR_TIE = 1e-3;

export interface GreedyComparison {
  prompt: string;
  /** Index of the first token that differs; null when all are equal. */
  firstDifference: number | null;
  /** Largest minus second largest float64 logit where the first difference is. */
  exactGap: number | null;
  /** Whose token float64 takes there. */
  exactTakes: 'ours' | 'theirs' | 'neither' | null;
}

/** Compares two continuations of a prompt and asks float64 where they part. */
export function compareGreedy(
  exact: Float64Model,
  prompt: string,
  promptIds: readonly number[],
  ours: readonly number[],
  theirs: readonly number[],
): GreedyComparison {
  const at = ours.findIndex((id, i) => id !== theirs[i]);
  if (at < 0 && ours.length === theirs.length) return { prompt, firstDifference: null, exactGap: null, exactTakes: null };
  const firstDifference = at < 0 ? ours.length : at;
  const [best, second] = twoLargest(exact, [...promptIds, ...ours.slice(0, firstDifference)]);
  const exactTakes = best.id === ours[firstDifference] ? 'ours' : best.id === theirs[firstDifference] ? 'theirs' : 'neither';
  return { prompt, firstDifference, exactGap: best.logit - second.logit, exactTakes };
}

function twoLargest(exact: Float64Model, ids: readonly number[]) {
  const { vocabSize } = exact.spec;
  const logits = float64Logits(exact, ids).slice(-vocabSize);
  const sorted = Array.from(logits, (logit, id) => ({ id, logit })).sort((a, b) => b.logit - a.logit);
  return [sorted[0]!, sorted[1]!] as const;
}
