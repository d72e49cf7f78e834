import { boundedSolver } from './bounded.ts';
import { busyValues } from './busy-values.ts';
import { chainSolver, MAX_CHAIN_DEVICES } from './chains.ts';
import type { CostTables } from './cost.ts';
import type { Part } from './device-part.ts';
import { type Found, type PassSolver, SAME, searchFrontier } from './frontier.ts';
import { type LayerView, layerView } from './layer-view.ts';
import type { Goal } from './objective.ts';

export interface SolveOptions {
  /** Devices that must take part. Only for rooms that are solved exactly; larger ones ignore it. */
  required?: readonly number[];
  /** Devices that may not take part. */
  excluded?: readonly number[];
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
/** Devices that an exact search goes through faster than another round of bounds. */
const FINISH_BELOW = 12;
/** Rounds of bounds before an exact search, and of probes that have none to follow: one long one, or many for many caps. */
const ROUNDS = { exact: 48, latency: 110, frontier: 24 };
const ROUNDS_PER_DEVICE = 4;
/** Labels of one search: an exact one takes what it needs, as far as memory goes. */
const MOST_LABELS = { exact: 3e6, latency: 3e5, frontier: 1e4 };

/**
 * The best contiguous shards, one for each device at most, and their order.
 *
 * Exact for up to 16 devices: the plan is proven to be the best. Beyond, and where a proof takes more memory than there
 * is, the best that was found until the deadline, with a bound on what could be better.
 *
 * @returns null when no plan fits memory and links or, in a search that is not exact, when none was found.
 */
export function solve(tables: CostTables, goal: Goal, options: SolveOptions = {}): Solution | null {
  const view = layerView(tables);
  const candidates = usableDevices(tables, view).filter((device) => !options.excluded?.includes(device));
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
  return tables.peerIds.length <= MAX_CHAIN_DEVICES;
}

function search(tables: CostTables, view: LayerView, goal: Goal, candidates: number[], options: SolveOptions): Found {
  const { required = [] } = options;
  const isSmall = candidates.length <= MAX_CHAIN_DEVICES;
  const finish = (devices: readonly number[]) => chainSolver(tables, view, devices, required);
  const busyMs = busyValues(tables, candidates, view.isEqual);
  // Forced devices are no part of the relaxation, so it would bound too little to be worth its time.
  if (view.isEqual && isSmall && (required.length > 0 || candidates.length <= FINISH_BELOW)) {
    return polished(goal, finish(candidates), busyMs);
  }
  const isLate = isSmall ? () => false : lateness(options);
  const effort = isSmall ? 'exact' : goal.kind === 'latency' ? 'latency' : 'frontier';
  const rounds = Math.min(ROUNDS[effort], ROUNDS_PER_DEVICE * candidates.length);
  const finishLimit = view.isEqual ? MAX_CHAIN_DEVICES : 0;
  const mostLabels = MOST_LABELS[effort];
  const bounded = { isLate, required, isExact: isSmall, finish, finishBelow: FINISH_BELOW, finishLimit, rounds, mostLabels };
  return polished(goal, boundedSolver(tables, view, candidates, bounded), busyMs, isLate);
}

function lateness({ now = Date.now, deadlineMs }: SolveOptions): () => boolean {
  const endMs = deadlineMs ?? now() + ANYTIME_BUDGET_MS;
  return () => now() >= endMs;
}

/** Of all plans with the same rate, users like the one with the shortest pass best. */
function polished(goal: Goal, solver: PassSolver, busyMs: readonly number[], isLate: () => boolean = () => false): Found {
  const found = searchFrontier(goal, busyMs, solver, null, isLate);
  if (goal.kind !== 'throughput' || !found.best || isLate()) return found;
  const shorter = solver(found.valueMs, found.best.passMs).plan;
  return shorter && shorter.passMs < found.best.passMs ? { ...found, best: shorter } : found;
}

/** Devices that can run at least one layer. */
function usableDevices(tables: CostTables, view: LayerView): number[] {
  return [...tables.peerIds.keys()].filter((device) => view.freeLayers[device]! > 0 || view.freeLayersWithHead[device]! > 0);
}
