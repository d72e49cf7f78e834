import type { Objective, Prediction } from '../model/plan.ts';
import type { CostTables } from './cost.ts';
import type { Part } from './split.ts';

/** What was compared: a plan's parts and what the cost model expects of them. */
export interface Candidate {
  parts: Part[];
  predicted: Prediction;
}

/** What the objective makes small, ms. */
export function objectiveMs(predicted: Prediction, objective: Objective): number {
  return objective === 'latency' ? predicted.msPerToken : predicted.bottleneckMs;
}

/** One sentence for people: how many devices, how fast, and against what. */
export function explain(tables: CostTables, objective: Objective, best: Candidate, others: readonly Candidate[]): string {
  const expected =
    objective === 'latency'
      ? `${ms(best.predicted.msPerToken)} a token`
      : `a token every ${ms(best.predicted.bottleneckMs)} with enough chats, ${ms(best.predicted.msPerToken)} for one chat`;
  return best.parts.length === 1
    ? explainSolo(tables, objective, best, others, expected)
    : explainChain(objective, best, others, expected);
}

function explainSolo(
  tables: CostTables,
  objective: Objective,
  best: Candidate,
  others: readonly Candidate[],
  expected: string,
): string {
  const device = `Device ${tables.peerIds[best.parts[0]!.device]} alone`;
  const rivals = others.filter((other) => other.parts.length > 1);
  if (rivals.length === 0) return `${device} runs all ${tables.nLayers} layers: ${expected}.`;
  const rival = bestOf(rivals, objective);
  return `${device} is best: ${expected}; ${rival.parts.length} devices together would take ${ms(objectiveMs(rival.predicted, objective))}.`;
}

function explainChain(objective: Objective, best: Candidate, others: readonly Candidate[], expected: string): string {
  const chain = `${best.parts.length} devices in a chain: ${expected}`;
  const solos = others.filter((other) => other.parts.length === 1);
  if (solos.length === 0) return `${chain}; no device has room for the whole model.`;
  return `${chain}; the best device alone would take ${ms(objectiveMs(bestOf(solos, objective).predicted, objective))}.`;
}

export function bestOf(candidates: readonly Candidate[], objective: Objective): Candidate {
  return candidates.reduce((best, candidate) => (isBetter(candidate.predicted, best.predicted, objective) ? candidate : best));
}

/** Ties are broken by the time of one token. */
function isBetter(a: Prediction, b: Prediction, objective: Objective): boolean {
  const differenceMs = objectiveMs(a, objective) - objectiveMs(b, objective);
  return differenceMs < 0 || (differenceMs === 0 && a.msPerToken < b.msPerToken);
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}
