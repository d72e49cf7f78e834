import type { LeftOut } from '../model/plan.ts';
import type { LeftOutReason } from '../model/plan-reasons.ts';
import { explainKept } from './explain.ts';
import { predictedMs } from './objective.ts';
import { withTogether } from './predict-together.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { hasSameStages, headPlaceOf, partsOfStages, predictStages, servedSources } from './replan.ts';
import { settingOf, withUsableDevices } from './solver-setting.ts';

/** What a plan says of itself: all of it but who runs what. */
export type PlanWords = Pick<PlanLayout, 'objective' | 'predicted' | 'why' | 'leftOut'>;

/**
 * What a plan that stays should say now that the room has been measured anew: what its own stages take today, and why
 * they stay.
 *
 * @param best the best plan for the room as it is now, which may have other stages.
 * @returns null when these stages cannot serve any chat of the room any more.
 */
export function refreshed(current: PlanLayout, best: PlanLayout, problem: PlanningProblem): PlanWords | null {
  const { objective } = problem;
  if (hasSameStages(current, best)) return { objective, predicted: best.predicted, why: best.why, leftOut: best.leftOut };
  const usable = withUsableDevices(problem);
  const sources = servedSources(current.stages, problem);
  const parts = partsOfStages(current.stages, usable);
  const predicted = predictStages(current.stages, problem, sources);
  if (!predicted || !parts) return null;
  const gainMs = predictedMs(predicted, objective) - predictedMs(best.predicted, objective);
  const setting = settingOf(usable, sources, headPlaceOf(current.stages));
  const why = explainKept(setting, parts, predicted, best.predicted);
  const together = withTogether(predicted, usable, sources, headPlaceOf(current.stages), parts);
  return { objective, predicted: together, why, leftOut: leftOutOf(current, best, problem, gainMs) };
}

/** Whom the best plan leaves out too keeps its reason; for the others a move would gain too little. */
function leftOutOf(current: PlanLayout, best: PlanLayout, problem: PlanningProblem, gainMs: number): LeftOut[] {
  const reasons = new Map(best.leftOut.map(({ peerId, reason }) => [peerId, reason]));
  const used = new Set(current.stages.map(({ peerId }) => peerId));
  const until = problem.objective === 'first-token' ? 'first-token' : 'next-token';
  const tooLittle: LeftOutReason = { code: 'too-little-gain', until, savedMs: Math.max(0, gainMs) };
  return problem.devices
    .filter(({ peerId }) => !used.has(peerId))
    .map(({ peerId }) => ({ peerId, reason: reasons.get(peerId) ?? tooLittle }));
}
