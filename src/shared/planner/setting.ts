import type { PeerId } from '../model/link-profile.ts';
import type { Prediction } from '../model/plan.ts';
import { type CostTables, costTables, isUsable } from './cost.ts';
import { predict } from './evaluate.ts';
import { type Goal, goalOf, workKind } from './goal.ts';
import type { Part } from './part.ts';
import type { PlanningProblem } from './problem.ts';

/** A problem with everything decided but who runs what. */
export interface Setting {
  /** With usable devices only. */
  problem: PlanningProblem;
  /** The chats that the plan serves. */
  sources: readonly PeerId[];
  head: 'last-stage' | 'source';
  /** Of what the objective is about. */
  tables: CostTables;
  goal: Goal;
}

export function settingOf(problem: PlanningProblem, sources: readonly PeerId[], head: Setting['head']): Setting {
  const tables = costTables(problem, sources, { kind: workKind(problem.objective), head });
  return { problem, sources, head, tables, goal: goalOf(problem) };
}

export function predictIn(setting: Setting, parts: readonly Part[]): Prediction | null {
  return predict(setting.problem, setting.sources, setting.head, parts);
}

export function withUsableDevices(problem: PlanningProblem): PlanningProblem {
  return { ...problem, devices: problem.devices.filter(isUsable) };
}

/**
 * Everybody who chats, or else as many as possible: one chat without links to the devices must not stop the others, so
 * the worst linked is left out until a plan exists. With chats, at least one is served.
 */
export function* sourcesToServe(problem: PlanningProblem): Generator<PeerId[]> {
  if (problem.sources.length === 0) yield [];
  const byReach = problem.sources.map((source) => ({ source, reach: reachOf(problem, source) }));
  const reachable = byReach.filter((s) => s.reach > 0).sort((a, b) => b.reach - a.reach);
  for (let count = reachable.length; count > 0; count--) yield reachable.slice(0, count).map((s) => s.source);
}

/** Devices that a chat has a link to. */
function reachOf(problem: PlanningProblem, source: PeerId): number {
  const { entryMs } = costTables({ ...problem, sourceLayers: 0 }, [source], { kind: 'token', head: 'last-stage' });
  return entryMs.filter((ms) => Number.isFinite(ms)).length;
}

function hasProfile(problem: PlanningProblem, source: PeerId): boolean {
  return problem.devices.some((device) => device.peerId === source);
}

/** Where the head may run: on the sources only when each of them has measured itself. */
export function headPlaces(problem: PlanningProblem, sources: readonly PeerId[]): Setting['head'][] {
  if (problem.head !== 'either') return [problem.head];
  return sources.every((source) => hasProfile(problem, source)) ? ['last-stage', 'source'] : ['last-stage'];
}
