import { anytimeSolver } from './anytime.ts';
import { busyValues } from './busy-values.ts';
import { chainOrder, chainSolver, MAX_CHAIN_DEVICES } from './chains.ts';
import type { CostTables } from './cost.ts';
import { type Found, type PassSolver, SAME, searchFrontier } from './frontier.ts';
import type { Goal } from './goal.ts';
import { type LayerView, layerView } from './layer-view.ts';
import { layeredDeviceLimit, layeredSolver } from './layered.ts';
import type { Part, PassPlan } from './part.ts';
import { splitAlong } from './split.ts';

export interface SolveOptions {
  /** Devices that must take part. Only for rooms that are solved exactly; larger ones ignore it. */
  required?: readonly number[];
  /** When to stop, in the clock's ms; searches that prove their answer go on to their end. */
  deadlineMs?: number;
  /** Milliseconds of any origin. */
  now?: () => number;
}

export interface Solution {
  parts: Part[];
  passMs: number;
  bottleneckMs: number;
  /** What the goal says of the plan, ms. */
  valueMs: number;
  /** What no plan can be below, ms: the value itself when the plan is proven to be the best. */
  lowerMs: number;
  isProven: boolean;
}

/** How long a search may take that cannot prove its answer, ms. */
export const ANYTIME_BUDGET_MS = 400;

/**
 * The best contiguous shards, one for each device at most, and their order.
 *
 * Exact for up to 16 devices with equal layers and, as far as memory for the search goes, for up to 12 with any; beyond,
 * the best that was found until the deadline, with a bound on what could be better.
 *
 * @returns null when no plan fits memory and links or, in a search that is not exact, when none was found.
 */
export function solve(tables: CostTables, goal: Goal, options: SolveOptions = {}): Solution | null {
  const view = layerView(tables);
  const candidates = usableDevices(tables, view);
  const required = options.required ?? [];
  if (candidates.length === 0 || !required.every((device) => candidates.includes(device))) return null;
  const found = search(tables, view, goal, candidates, options);
  if (!found.best) return null;
  const { parts, passMs, bottleneckMs } = found.best;
  const isProven = found.lowerMs >= found.valueMs * (1 - 2 * SAME);
  return { parts, passMs, bottleneckMs, valueMs: found.valueMs, lowerMs: isProven ? found.valueMs : found.lowerMs, isProven };
}

/** True when `solve` proves its answer for so many devices. */
export function isExact(tables: CostTables): boolean {
  const limit = layerView(tables).isEqual ? MAX_CHAIN_DEVICES : layeredDeviceLimit(tables.nLayers);
  return tables.peerIds.length <= limit;
}

function search(tables: CostTables, view: LayerView, goal: Goal, candidates: number[], options: SolveOptions): Found {
  const required = options.required ?? [];
  if (view.isEqual && candidates.length <= MAX_CHAIN_DEVICES) {
    return polished(goal, chainSolver(tables, view, candidates, required), busyValues(tables, candidates, true), null);
  }
  if (candidates.length > layeredDeviceLimit(tables.nLayers)) return searchAnytime(tables, view, goal, candidates, options);
  const start = equalisedPlan(tables, view, goal, candidates, required);
  return polished(goal, layeredSolver(tables, view, candidates, required), busyValues(tables, candidates, false), start);
}

/** Of all plans with the same rate, users like the one with the shortest pass best. */
function polished(goal: Goal, solver: PassSolver, busyMs: readonly number[], start: PassPlan | null): Found {
  const found = searchFrontier(goal, busyMs, solver, start);
  if (goal.kind !== 'throughput' || !found.best) return found;
  const shorter = solver(found.valueMs, found.best.passMs).plan;
  return shorter ? { ...found, best: shorter } : found;
}

function searchAnytime(tables: CostTables, view: LayerView, goal: Goal, candidates: number[], options: SolveOptions): Found {
  const now = options.now ?? Date.now;
  const deadlineMs = options.deadlineMs ?? now() + ANYTIME_BUDGET_MS;
  const isLate = () => now() >= deadlineMs;
  return searchFrontier(
    goal,
    busyValues(tables, candidates, view.isEqual),
    anytimeSolver(tables, view, candidates, { isLate }),
    null,
    isLate,
  );
}

/** A good plan to start from: the order that is best when every layer counts as the device's cheapest, cut anew. */
function equalisedPlan(tables: CostTables, view: LayerView, goal: Goal, candidates: number[], required: readonly number[]) {
  const order = chainOrder(tables, view, candidates, required);
  return order && splitAlong(tables, order, goal, new Set(required));
}

/** Devices that can run at least one layer. */
function usableDevices(tables: CostTables, view: LayerView): number[] {
  return [...tables.peerIds.keys()].filter((device) => view.roomLayers[device]! > 0 || view.headRoomLayers[device]! > 0);
}
