import type { Prediction } from '../model/plan.ts';
import { deviceName } from './device-name.ts';
import { formatMs } from './format-ms.ts';
import { goalMs } from './goal.ts';
import type { Part } from './part.ts';
import type { Setting } from './setting.ts';
import type { Solution } from './solve.ts';
import { splitAlong } from './split.ts';

/** One sentence for people: how many devices, how fast, where the time goes, and against what. */
export function explain(setting: Setting, solution: Solution, predicted: Prediction): string {
  const expected = expectation(setting, predicted);
  if (setting.problem.surviving.length > 0) {
    return `Keeps loaded layers where they are after a device was lost: ${expected}; a better plan follows.`;
  }
  const proof = solution.isProven ? '' : ` No plan can be more than ${percentBetter(solution)} better.`;
  return (
    (solution.parts.length === 1
      ? explainSolo(setting, solution, expected)
      : explainChain(setting, solution, predicted, expected)) + proof
  );
}

function percentBetter({ valueMs, lowerMs }: Solution): string {
  return `${((1 - lowerMs / valueMs) * 100).toFixed(1)} %`;
}

function expectation({ goal }: Setting, predicted: Prediction): string {
  if (goal.kind === 'first-token')
    return `${formatMs(predicted.firstTokenMs)} to the first token, ${formatMs(predicted.msPerToken)} a token after it`;
  if (goal.kind === 'latency') return `${formatMs(predicted.msPerToken)} a token`;
  return `${predicted.tokensPerSecond.toFixed(1)} tokens/s for ${goal.sequences} answers at a time, ${formatMs(predicted.msPerToken)} a token for one alone`;
}

function explainSolo(setting: Setting, solution: { parts: readonly Part[]; isProven: boolean }, expected: string): string {
  const { tables } = setting;
  const name = deviceName(setting.problem, tables.peerIds[solution.parts[0]!.device]!);
  const device = `${name.charAt(0).toUpperCase()}${name.slice(1)} alone`;
  const whole = `${device} runs all ${tables.nLayers} layers: ${expected}`;
  return tables.peerIds.length > 1 && solution.isProven ? `${whole}; every chain of devices is slower.` : `${whole}.`;
}

function explainChain(setting: Setting, solution: { parts: readonly Part[] }, predicted: Prediction, expected: string): string {
  const overheadMs = sum(predicted.overheadMs);
  const share = `compute ${formatMs(sum(predicted.stageMs) - overheadMs)}, links ${formatMs(sum(predicted.linkMs))}, overhead ${formatMs(overheadMs)}`;
  const chain = `${solution.parts.length} devices in a chain: ${expected} (${share})`;
  const soloMs = bestAloneMs(setting);
  if (soloMs === null) return `${chain}; no device has room for the whole model.`;
  return `${chain}; the best device alone would take ${formatMs(soloMs)}.`;
}

/** The same for a plan that stays although the best one is another: that one's time, and that it is too little less. */
export function explainKept(setting: Setting, parts: readonly Part[], predicted: Prediction, best: Prediction): string {
  const expected = expectation(setting, predicted);
  const kept =
    parts.length === 1
      ? explainSolo(setting, { parts, isProven: false }, expected)
      : explainChain(setting, { parts }, predicted, expected);
  return `${kept} Another plan, with ${expectation(setting, best)}, would gain too little for a move.`;
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
