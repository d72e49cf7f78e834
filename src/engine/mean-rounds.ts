import { meanOfFastHalf, meanOfMost } from './mean-of-most.ts';

/** Of so many samples, over at least this part of the budget, a mean can be taken. */
const ENOUGH_ROUNDS = 31;
const LEAST_BUDGET_SHARE = 0.25;

export interface Timing {
  /** On average, but for the slowest tenth, ms. */
  meanMs: number;
  /** When nothing holds the device back, ms. */
  fastMs: number;
}

/**
 * Times each action. They take turns, so that whatever slows the device for a while slows them all. One round warms up and does not count; then as many as fit the budget or are enough, and one at least.
 */
export async function meanRounds(
  actions: readonly (() => Promise<unknown>)[],
  budgetMs: number,
  now: () => number,
): Promise<Timing[]> {
  const samplesMs: number[][] = actions.map(() => []);
  for (const action of actions) await action();
  const startMs = now();
  const isEnough = (round: number) => {
    const elapsedMs = now() - startMs;
    return elapsedMs >= budgetMs || (round >= ENOUGH_ROUNDS && elapsedMs >= LEAST_BUDGET_SHARE * budgetMs);
  };
  for (let round = 0; round === 0 || !isEnough(round); round++) {
    for (const [index, action] of actions.entries()) {
      const beforeMs = now();
      await action();
      samplesMs[index]!.push(now() - beforeMs);
    }
  }
  return samplesMs.map((samples) => ({ meanMs: meanOfMost(samples), fastMs: meanOfFastHalf(samples) }));
}
