import { busyValues } from './busy-values.ts';
import { type CostTables, fits, stageBusyMs } from './cost.ts';
import type { Part, PassPlan } from './device-part.ts';
import { passPlan } from './evaluate.ts';
import { SAME, searchFrontier } from './frontier.ts';
import { hasEqualLayers } from './layer-view.ts';
import type { Goal } from './objective.ts';

/**
 * The best way to cut the layers into contiguous parts along a given order of distinct devices; a device may be left
 * out, and its neighbours are then linked directly. Exact for the order.
 *
 * @param required devices of the order that may not be left out.
 * @returns null when no cut fits the memory and the links.
 */
export function splitAlong(
  tables: CostTables,
  order: readonly number[],
  goal: Goal,
  required: ReadonlySet<number> = new Set(),
): PassPlan | null {
  const solve = (capMs: number) => {
    const plan = cheapestCut(tables, order, capMs, required);
    return { plan, lowerMs: plan?.passMs ?? Number.POSITIVE_INFINITY };
  };
  return searchFrontier(goal, goal.kind === 'latency' ? [] : busyValues(tables, order, hasEqualLayers(tables)), solve).best;
}

/** What is known when layers before each one are done: by position in the order, then by layers done. */
interface Progress {
  /** Time until the device may start with the layer: from the sources, or from an earlier device. */
  enterMs: number[][];
  enterFrom: number[][];
  /** Time until the device is done with the layer before, as a stage without the head. */
  doneMs: number[][];
  startLayer: number[][];
}

/**
 * The cut with the shortest pass in which nothing is busy for longer than `capMs`, by dynamic programming over
 * (position, layers done) in O(devices^2 layers): the best start of a stage slides along with its end.
 */
export function cheapestCut(
  tables: CostTables,
  order: readonly number[],
  capMs: number,
  required: ReadonlySet<number> = new Set(),
): PassPlan | null {
  const progress: Progress = { enterMs: [], enterFrom: [], doneMs: [], startLayer: [] };
  const limitMs = capMs * (1 + SAME);
  let best = { ms: Number.POSITIVE_INFINITY, position: -1, startLayer: -1 };
  for (const [position, device] of order.entries()) {
    enter(tables, order, position, progress, limitMs, required);
    advance(tables, device, position, progress, limitMs);
    if (order.slice(position + 1).some((later) => required.has(later))) continue;
    const last = finish(tables, device, progress.enterMs[position]!, limitMs);
    if (last.ms < best.ms) best = { ...last, position };
  }
  return best.position < 0 ? null : passPlan(tables, trace(order, progress, best.position, best.startLayer, tables.nLayers));
}

function enter(
  tables: CostTables,
  order: readonly number[],
  position: number,
  progress: Progress,
  limitMs: number,
  required: ReadonlySet<number>,
): void {
  const device = order[position]!;
  const enterMs = new Array<number>(tables.nLayers).fill(Number.POSITIVE_INFINITY);
  const enterFrom = new Array<number>(tables.nLayers).fill(-1);
  let before = position - 1;
  for (; before >= 0; before--) {
    enterFromDevice(tables, order, before, device, progress, limitMs, enterMs, enterFrom);
    if (required.has(order[before]!)) break;
  }
  if (before < 0 && tables.entryBusyMs[device]! <= limitMs) enterMs[0] = tables.entryMs[device]!;
  progress.enterMs[position] = enterMs;
  progress.enterFrom[position] = enterFrom;
}

function enterFromDevice(
  tables: CostTables,
  order: readonly number[],
  before: number,
  device: number,
  progress: Progress,
  limitMs: number,
  enterMs: number[],
  enterFrom: number[],
): void {
  const hopMs = tables.hopMs[order[before]!]![device]!;
  if (!(tables.hopBusyMs[order[before]!]![device]! <= limitMs) || hopMs === Number.POSITIVE_INFINITY) return;
  const doneMs = progress.doneMs[before]!;
  for (let layer = 1; layer < tables.nLayers; layer++) {
    const ms = doneMs[layer]! + hopMs;
    if (ms >= enterMs[layer]!) continue;
    enterMs[layer] = ms;
    enterFrom[layer] = before;
  }
}

function advance(tables: CostTables, device: number, position: number, progress: Progress, limitMs: number): void {
  const enterMs = progress.enterMs[position]!;
  const before = tables.msBefore[device]!;
  const doneMs = new Array<number>(tables.nLayers).fill(Number.POSITIVE_INFINITY);
  const startLayer = new Array<number>(tables.nLayers).fill(-1);
  // Starts that may still be best for a later end, best first: each is later and dearer than the one before it.
  const starts: number[] = [];
  const offsetMs = (start: number) => enterMs[start]! - before[start]!;
  let head = 0;
  for (let end = 1; end < tables.nLayers; end++) {
    if (enterMs[end - 1]! < Number.POSITIVE_INFINITY) {
      while (starts.length > head && offsetMs(starts.at(-1)!) >= offsetMs(end - 1)) starts.pop();
      starts.push(end - 1);
    }
    while (head < starts.length && !mayRun(tables, device, starts[head]!, end, limitMs)) head++;
    const start = starts[head];
    if (start === undefined) continue;
    doneMs[end] = offsetMs(start) + before[end]! + tables.overheadMs[device]!;
    startLayer[end] = start;
  }
  progress.doneMs[position] = doneMs;
  progress.startLayer[position] = startLayer;
}

function mayRun(tables: CostTables, device: number, start: number, end: number, limitMs: number): boolean {
  return fits(tables, device, start, end, false) && stageBusyMs(tables, device, start, end, false) <= limitMs;
}

/** The best start of a last stage on this device: the remaining layers, the head, and the way back. */
function finish(tables: CostTables, device: number, enterMs: readonly number[], limitMs: number) {
  let best = { ms: Number.POSITIVE_INFINITY, startLayer: -1 };
  if (tables.exitBusyMs[device]! > limitMs) return best;
  const fixedMs = tables.overheadMs[device]! + tables.headMs[device]! + tables.exitMs[device]!;
  const before = tables.msBefore[device]!;
  for (let start = tables.nLayers - 1; start >= 0 && fits(tables, device, start, tables.nLayers, true); start--) {
    if (stageBusyMs(tables, device, start, tables.nLayers, true) > limitMs) break;
    const ms = enterMs[start]! + before[tables.nLayers]! - before[start]! + fixedMs;
    if (ms < best.ms) best = { ms, startLayer: start };
  }
  return best;
}

function trace(order: readonly number[], progress: Progress, lastPosition: number, lastStart: number, nLayers: number): Part[] {
  const parts: Part[] = [{ device: order[lastPosition]!, startLayer: lastStart, endLayer: nLayers }];
  let position = lastPosition;
  let endLayer = lastStart;
  while (endLayer > 0) {
    position = progress.enterFrom[position]![endLayer]!;
    const startLayer = progress.startLayer[position]![endLayer]!;
    parts.unshift({ device: order[position]!, startLayer, endLayer });
    endLayer = startLayer;
  }
  return parts;
}
