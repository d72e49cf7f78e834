import type { Objective, Prediction } from '../model/plan.ts';
import { promptChunks, type Work } from './cost.ts';
import type { PlanningProblem } from './problem.ts';

/**
 * What a plan should make small, as a function of two numbers: the time of one pass through all stages and links, and
 * the longest time that a pass keeps any one of them busy. It never falls when either of them rises, which is what the
 * frontier search builds on.
 */
export type Goal =
  /** ms from one token to the next, for one sequence. */
  | { kind: 'latency' }
  /** ms per token of all sequences together: their rate is min(1 / bottleneck, sequences / pass). */
  | { kind: 'throughput'; sequences: number }
  /** ms until the last chunk of a prompt is through: the others go ahead of it, one bottleneck apart. */
  | { kind: 'first-token'; chunks: number };

export function goalMs(goal: Goal, passMs: number, bottleneckMs: number): number {
  if (goal.kind === 'latency') return passMs;
  if (goal.kind === 'throughput') return Math.max(bottleneckMs, passMs / goal.sequences);
  return goal.chunks === 1 ? passMs : passMs + (goal.chunks - 1) * bottleneckMs;
}

/** The largest pass with which the goal can still be below `limitMs`, given a bottleneck of at least `bottleneckMs`. */
export function passLimitMs(goal: Goal, limitMs: number, bottleneckMs: number): number {
  if (goal.kind === 'latency') return limitMs;
  if (goal.kind === 'throughput') return bottleneckMs < limitMs ? limitMs * goal.sequences : Number.NEGATIVE_INFINITY;
  return goal.chunks === 1 ? limitMs : limitMs - (goal.chunks - 1) * bottleneckMs;
}

export function goalOf(problem: Pick<PlanningProblem, 'objective' | 'concurrentSequences' | 'promptTokens'>): Goal {
  const { objective: kind, concurrentSequences, promptTokens } = problem;
  if (kind === 'throughput') return { kind, sequences: Math.max(1, concurrentSequences) };
  return kind === 'first-token' ? { kind, chunks: promptChunks(promptTokens).chunks } : { kind };
}

/** What passes through the stages while the goal is measured. */
export function workKind(objective: Objective): Work['kind'] {
  return objective === 'first-token' ? 'chunk' : 'token';
}

/** What a plan's prediction says about an objective, ms. */
export function predictedMs(predicted: Prediction, objective: Objective): number {
  if (objective === 'latency') return predicted.msPerToken;
  return objective === 'throughput' ? 1000 / predicted.tokensPerSecond : predicted.firstTokenMs;
}
