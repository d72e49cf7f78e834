const MAX_ROUNDS = 31;

/**
 * Median time of each action, ms. The actions take turns, so that whatever slows the device for a while slows them all.
 * One round warms up and does not count; then as many as fit the budget, and one at least.
 */
export async function medianRounds(
  actions: readonly (() => Promise<unknown>)[],
  budgetMs: number,
  now: () => number,
): Promise<number[]> {
  const samplesMs: number[][] = actions.map(() => []);
  for (const action of actions) await action();
  const startMs = now();
  for (let round = 0; round < MAX_ROUNDS && (round === 0 || now() - startMs < budgetMs); round++) {
    for (const [index, action] of actions.entries()) {
      const beforeMs = now();
      await action();
      samplesMs[index]!.push(now() - beforeMs);
    }
  }
  return samplesMs.map(median);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
