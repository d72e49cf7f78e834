import type { PeerId } from '../model/link-profile.ts';
import type { Prediction, Stage } from '../model/plan.ts';
import { predict } from './evaluate.ts';
import { predictedMs } from './goal.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { withUsableDevices } from './setting.ts';

/** A working plan is left only for one that takes less than this part of its time: measurements are noisy, moving is not free. */
export const WORTH_MOVING = 0.9;

/**
 * Whether the room should go over from the plan it has to a new one.
 *
 * @param current the plan in use or in preparation, null for none.
 * @param problem the room as it is now; both plans are judged by its measurements, not by those of their own time.
 */
export function shouldAdopt(current: PlanLayout | null, candidate: PlanLayout, problem: PlanningProblem): boolean {
  if (!current || !hasSameSettings(current, candidate)) return true;
  const served = servedSources(candidate.stages, problem);
  const now = predictStages(current.stages, problem, served);
  if (!now) return true;
  const next = predictStages(candidate.stages, problem, served);
  return next !== null && predictedMs(next, problem.objective) < WORTH_MOVING * predictedMs(now, problem.objective);
}

function hasSameSettings(a: PlanLayout, b: PlanLayout): boolean {
  return a.contextLength === b.contextLength && a.wireDtype === b.wireDtype && a.objective === b.objective;
}

/** The sources with links to both ends of a plan. */
function servedSources(stages: readonly Stage[], problem: PlanningProblem): PeerId[] {
  return problem.sources.filter((source) => predictStages(stages, problem, [source]) !== null);
}

/** What these stages would take in the room as it is; null when they cannot serve these sources any more. */
export function predictStages(stages: readonly Stage[], asked: PlanningProblem, sources: readonly PeerId[]): Prediction | null {
  const problem = withUsableDevices(asked);
  const parts = stages.map(({ peerId, layers }) => ({
    device: problem.devices.findIndex((device) => device.peerId === peerId),
    startLayer: layers.startLayer - problem.sourceLayers,
    endLayer: layers.endLayer - problem.sourceLayers,
  }));
  if (parts.some((part) => part.device < 0)) return null;
  return predict(problem, sources, stages.some((stage) => stage.head) ? 'last-stage' : 'source', parts);
}
