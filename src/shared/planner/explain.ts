import type { Prediction } from '../model/plan.ts';
import type { Expectation, PlanWhy } from '../model/plan-reasons.ts';
import type { Part } from './device-part.ts';
import { goalMs } from './objective.ts';
import type { Solution } from './solve.ts';
import type { Setting } from './solver-setting.ts';
import { splitAlong } from './split.ts';

/** How many devices, how fast, where the time goes, and against what. */
export function explain(setting: Setting, solution: Solution, predicted: Prediction): PlanWhy {
  if (setting.problem.surviving.length > 0) return { code: 'mended', expected: expectation(setting, predicted) };
  const { isProven, lowerMs, valueMs } = solution;
  const possibleGain = isProven ? null : Math.max(0, 1 - lowerMs / valueMs);
  return explainChoice(setting, solution.parts, predicted, { isProven, possibleGain, tooLittleBetter: null });
}

/** The same for a plan that stays although the best one is another: that one's time is too little less. */
export function explainKept(setting: Setting, parts: readonly Part[], predicted: Prediction, best: Prediction): PlanWhy {
  const tooLittleBetter = expectation(setting, best);
  return explainChoice(setting, parts, predicted, { isProven: false, possibleGain: null, tooLittleBetter });
}

interface Proof {
  isProven: boolean;
  possibleGain: number | null;
  tooLittleBetter: Expectation | null;
}

function explainChoice(setting: Setting, parts: readonly Part[], predicted: Prediction, { isProven, ...rest }: Proof): PlanWhy {
  const { tables } = setting;
  const choice = { expected: expectation(setting, predicted), ...rest };
  if (parts.length === 1) {
    const isFastest = isProven && tables.peerIds.length > 1;
    return { code: 'alone', peerId: tables.peerIds[parts[0]!.device]!, layers: tables.nLayers, isFastest, ...choice };
  }
  const overheadMs = sum(predicted.overheadMs);
  return {
    code: 'chain',
    devices: parts.length,
    computeMs: Math.max(0, sum(predicted.stageMs) - overheadMs),
    linksMs: sum(predicted.linkMs),
    overheadMs,
    aloneMs: bestAloneMs(setting),
    ...choice,
  };
}

function expectation({ goal }: Setting, { msPerToken, firstTokenMs, tokensPerSecond }: Prediction): Expectation {
  if (goal.kind === 'first-token') return { objective: goal.kind, firstTokenMs, msPerToken };
  if (goal.kind === 'latency') return { objective: goal.kind, msPerToken };
  return { objective: goal.kind, tokensPerSecond, sequences: goal.sequences, msPerToken };
}

/** What the goal is for the best device alone, ms. */
export function bestAloneMs({ tables, goal }: Setting): number | null {
  const all = [...tables.peerIds.keys()].flatMap((device) => {
    const alone = splitAlong(tables, [device], goal);
    return alone ? [goalMs(goal, alone.passMs, alone.bottleneckMs)] : [];
  });
  return all.length === 0 ? null : Math.min(...all);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
