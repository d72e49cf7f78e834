import { AppError } from '../errors.ts';
import type { PeerId } from '../model/link-profile.ts';
import type { Stage } from '../model/plan.ts';
import { checkProblem } from './check-problem.ts';
import { costTables } from './cost.ts';
import { MAX_PLANNED_DEVICES } from './coverage.ts';
import { mendedPlan } from './emergency.ts';
import { passCost } from './evaluate.ts';
import { explain } from './explain.ts';
import { reasonsLeftOut } from './left-out.ts';
import { type Answer, withLeastLoading } from './loading.ts';
import { goalMs } from './objective.ts';
import { withTogether } from './predict-together.ts';
import type { PlanLayout, PlanningProblem, PlanResult } from './problem.ts';
import { findAnyPlan } from './repair.ts';
import { whyNoPlan } from './shortfall.ts';
import { type Solution, type SolveOptions, solve } from './solve.ts';
import { headPlaces, predictIn, type Setting, settingOf, sourcesByReach, withUsableDevices } from './solver-setting.ts';

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
  const layout =
    problem.sources.length === 0 ? layoutServing(asked, problem, [], options) : layoutServingMost(asked, problem, options);
  if (layout) return layout;
  throw whyNoPlan(problem, costTables(withNothingHeld(problem), [], { kind: 'token', head: 'last-stage' }));
}

/**
 * Serves everybody who chats, or else as many as possible: one chat without links to the devices must not stop the others. The worst
 * linked ones are left out until a plan exists, and then each is served that can be beside those.
 */
function layoutServingMost(asked: PlanningProblem, problem: PlanningProblem, options: SolveOptions): PlanLayout | null {
  const sources = sourcesByReach(problem);
  const layoutFor = (some: readonly PeerId[]) => (some.length === 0 ? null : layoutServing(asked, problem, some, options));
  let served = sources;
  let layout = layoutFor(served);
  while (!layout && served.length > 0) {
    served = served.slice(0, -1);
    layout = layoutFor(served);
  }
  // Whoever comes next after those who are served is the one that could not be served with them.
  for (const source of sources.slice(served.length + 1)) {
    const wider = layoutFor([...served, source]);
    if (!wider) continue;
    layout = wider;
    served = [...served, source];
  }
  return layout;
}

/** Null when there is no plan that serves all of them. */
function layoutServing(
  asked: PlanningProblem,
  problem: PlanningProblem,
  sources: readonly PeerId[],
  options: SolveOptions,
): PlanLayout | null {
  const mended = mendedAnswer(problem, sources);
  if (mended) return layoutOf(asked, mended, options);
  const free = bestAnswer(withNothingHeld(problem), sources, options);
  if (!free) return null;
  const answer = besideWhatIsHeld(problem, sources, free, options);
  // Nothing fits beside what the devices hold: the plan that they hold it for is worth less than a chat that waits for one.
  return answer ? layoutOf(asked, answer, options) : layoutOf(withNothingHeld(asked), free, options);
}

function withNothingHeld(problem: PlanningProblem): PlanningProblem {
  return { ...problem, devices: problem.devices.map(({ held: _, ...device }) => device) };
}

/**
 * The best plan that devices can load while they go on holding what they hold. The best one of all most often is that plan, and is
 * found faster: what is held makes one layer unlike another.
 */
function besideWhatIsHeld(
  problem: PlanningProblem,
  sources: readonly PeerId[],
  free: Answer,
  options: SolveOptions,
): Answer | null {
  const { tables } = settingOf(problem, sources, free.setting.head);
  const best = withLeastLoading(withHeld(free, problem), options);
  if (passCost(tables, best.solution.parts)) return best;
  if (passCost(tables, free.solution.parts)) return free;
  const answer = bestAnswer(problem, sources, options);
  return answer && withLeastLoading(answer, options);
}

/** The same answer, in which what is held need not be loaded. */
function withHeld({ setting, solution }: Answer, problem: PlanningProblem): Answer {
  return { setting: { ...setting, problem }, solution };
}

function bestAnswer(problem: PlanningProblem, sources: readonly PeerId[], options: SolveOptions): Answer | null {
  const answers = headPlaces(problem, sources).flatMap((head) => answersIn(settingOf(problem, sources, head), options));
  if (answers.length === 0) return null;
  return answers.reduce((a, b) => (b.solution.valueMs < a.solution.valueMs ? b : a));
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
