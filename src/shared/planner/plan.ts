import { AppError } from '../errors.ts';
import type { PeerId } from '../model/link-profile.ts';
import type { Stage } from '../model/plan.ts';
import { checkProblem } from './check-problem.ts';
import { costTables } from './cost.ts';
import { MAX_PLANNED_DEVICES } from './coverage.ts';
import { mendedPlan } from './emergency.ts';
import { explain } from './explain.ts';
import { goalMs } from './goal.ts';
import { reasonsLeftOut } from './left-out.ts';
import { type Answer, withLeastLoading } from './loading.ts';
import type { PlanLayout, PlanningProblem, PlanResult } from './problem.ts';
import { findAnyPlan } from './repair.ts';
import { headPlaces, predictIn, type Setting, settingOf, sourcesToServe, withUsableDevices } from './setting.ts';
import { whyNoPlan } from './shortfall.ts';
import { type Solution, type SolveOptions, solve } from './solve.ts';
import { withTogether } from './together.ts';

/**
 * Chooses devices and cuts the model among them: the best plan there is for up to 16 devices, and a good one with a
 * bound for more (see `solve`).
 *
 * Never throws. Errors: `no-devices`; `does-not-fit`, with the bytes that are missing; `no-path` when links are;
 * `model-malformed` when the spec contradicts itself.
 */
export function planRoom(problem: PlanningProblem, options: SolveOptions = {}): PlanResult {
  try {
    return { ok: true, layout: bestLayout(problem, options) };
  } catch (thrown) {
    return { ok: false, error: AppError.from(thrown).toReport() };
  }
}

function bestLayout(asked: PlanningProblem, options: SolveOptions): PlanLayout {
  checkProblem(asked);
  const problem = withUsableDevices(asked);
  if (problem.devices.length === 0) throw new AppError('no-devices', 'no device in this room gives its layers yet');
  for (const sources of sourcesToServe(problem)) {
    const mended = mendedAnswer(problem, sources);
    if (mended) return layoutOf(asked, mended, options);
    const answers = headPlaces(problem, sources).flatMap((head) => answersIn(settingOf(problem, sources, head), options));
    if (answers.length > 0) {
      const best = answers.reduce((a, b) => (b.solution.valueMs < a.solution.valueMs ? b : a));
      return layoutOf(asked, withLeastLoading(best, options), options);
    }
  }
  throw whyNoPlan(problem, costTables(problem, [], { kind: 'token', head: 'last-stage' }));
}

/** At once the cheapest plan that keeps what is loaded; the best one is asked for when that one serves. */
function mendedAnswer(problem: PlanningProblem, sources: readonly PeerId[]): Answer | null {
  if (problem.surviving.length === 0) return null;
  const setting = settingOf(problem, sources, problem.head === 'source' ? 'source' : 'last-stage');
  const solution = mendedPlan(setting, problem.surviving);
  return solution && { setting, solution };
}

function answersIn(setting: Setting, options: SolveOptions): Answer[] {
  const solution = solve(setting.tables, setting.goal, options) ?? anySolution(setting);
  return solution ? [{ setting, solution }] : [];
}

/** For rooms so large that a search may miss the only plans there are. */
function anySolution({ tables, goal }: Setting): Solution | null {
  if (tables.peerIds.length > MAX_PLANNED_DEVICES) return null;
  const plan = findAnyPlan(tables, goal);
  return plan && { ...plan, valueMs: goalMs(goal, plan.passMs, plan.bottleneckMs), lowerMs: 0, isProven: false };
}

function layoutOf(asked: PlanningProblem, { setting, solution }: Answer, options: SolveOptions): PlanLayout {
  const { problem } = setting;
  const predicted = predictIn(setting, solution.parts);
  if (!predicted) throw new AppError('internal', 'the plan found contradicts the cost model');
  return {
    contextLength: problem.contextLength,
    wireDtype: problem.wireDtype,
    objective: problem.objective,
    sourceLayers: problem.sourceLayers,
    stages: stagesOf(setting, solution),
    predicted: withTogether(predicted, problem, setting.sources, setting.head, solution.parts),
    why: explain(setting, solution, predicted),
    leftOut: reasonsLeftOut(asked, setting, solution, options),
  };
}

function stagesOf({ tables, head }: Setting, { parts }: Solution): Stage[] {
  return parts.map((part, i) => ({
    peerId: tables.peerIds[part.device]!,
    layers: { startLayer: part.startLayer + tables.sourceLayers, endLayer: part.endLayer + tables.sourceLayers },
    head: head === 'last-stage' && i === parts.length - 1,
  }));
}
