import type { PeerId } from '../model/link-profile.ts';
import type { Prediction } from '../model/plan.ts';
import { type CostTables, costTables, isUsable } from './cost.ts';
import type { Part } from './device-part.ts';
import { predict } from './evaluate.ts';
import { type Goal, goalOf, workKind } from './objective.ts';
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

/** The chats that a plan may serve, the best linked first; one without a link to a device that has memory for a layer is none of them. */
export function sourcesByReach(problem: PlanningProblem): PeerId[] {
  const byReach = problem.sources.map((source) => ({ source, reach: reachOf(problem, source) }));
  const reachable = byReach.filter((s) => s.reach > 0).sort((a, b) => b.reach - a.reach);
  return reachable.map((s) => s.source);
}

/** Devices with memory for a layer that a chat has a link to. */
function reachOf(problem: PlanningProblem, source: PeerId): number {
  const { entryMs, freeBytes, bytesBefore } = costTables(problem, [source], { kind: 'token', head: 'last-stage' });
  const smallestBytes = Math.min(...bytesBefore.slice(1).map((bytes, layer) => bytes - bytesBefore[layer]!));
  return entryMs.filter((ms, device) => Number.isFinite(ms) && freeBytes[device]! >= smallestBytes).length;
}

function hasProfile(problem: PlanningProblem, source: PeerId): boolean {
  return problem.devices.some((device) => device.peerId === source);
}

/** Where the head may run: on the sources only when each of them has measured itself. */
export function headPlaces(problem: PlanningProblem, sources: readonly PeerId[]): Setting['head'][] {
  if (problem.head !== 'either') return [problem.head];
  return sources.every((source) => hasProfile(problem, source)) ? ['last-stage', 'source'] : ['last-stage'];
}
