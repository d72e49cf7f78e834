import type { Objective } from '../model/plan.ts';
import { type CostTables, fits, stageMs } from './cost.ts';

/** Layers up to endLayer, from where the part before ended, on one device. */
export interface Part {
  device: number;
  startLayer: number;
  endLayer: number;
}

type Join = (msA: number, msB: number) => number;
const sum: Join = (a, b) => a + b;
const worst: Join = (a, b) => Math.max(a, b);

/**
 * The best way to cut the layers into contiguous parts along a given order of distinct devices; a device may be left
 * out, and its neighbours are then linked directly. Exact for the order, by dynamic programming over (device, layers
 * done), in O(devices^2 layers + devices layers^2).
 *
 * For `throughput` the slowest stage or link is made as small as it can be and, among those cuts, the latency.
 *
 * @returns null when no cut fits the memory and the links.
 */
export function splitAlong(tables: CostTables, order: readonly number[], objective: Objective): Part[] | null {
  if (objective === 'latency') return cut(tables, order, sum, Number.POSITIVE_INFINITY)?.parts ?? null;
  const fastest = cut(tables, order, worst, Number.POSITIVE_INFINITY);
  if (!fastest) return null;
  return (cut(tables, order, sum, fastest.ms) ?? fastest).parts;
}

interface Cut {
  ms: number;
  parts: Part[];
}

/** Rows by position in the order, columns by layers done; `from` tells the position and layer that a value came from. */
interface Progress {
  enterMs: number[][];
  doneMs: number[][];
  enterFrom: number[][];
  startLayer: number[][];
}

function cut(tables: CostTables, order: readonly number[], join: Join, capMs: number): Cut | null {
  const progress: Progress = { enterMs: [], doneMs: [], enterFrom: [], startLayer: [] };
  let best = { ms: Number.POSITIVE_INFINITY, position: -1, startLayer: -1 };
  for (let position = 0; position < order.length; position++) {
    enter(tables, order, position, progress, join, capMs);
    advance(tables, order[position]!, position, progress, join, capMs);
    const last = finish(tables, order[position]!, progress.enterMs[position]!, join, capMs);
    if (last.ms < best.ms) best = { ...last, position };
  }
  if (best.position < 0) return null;
  return { ms: best.ms, parts: trace(order, progress, best.position, best.startLayer, tables.nLayers) };
}

/** Time until the device at `position` may start with each layer: straight from the sources, or from an earlier device. */
function enter(tables: CostTables, order: readonly number[], position: number, progress: Progress, join: Join, capMs: number) {
  const device = order[position]!;
  const enterMs = new Array<number>(tables.nLayers).fill(Number.POSITIVE_INFINITY);
  const enterFrom = new Array<number>(tables.nLayers).fill(-1);
  if (tables.entryMs[device]! <= capMs) enterMs[0] = tables.entryMs[device]!;
  for (let before = 0; before < position; before++) {
    const hopMs = tables.hopMs[order[before]!]![device]!;
    if (!(hopMs <= capMs) || hopMs === Number.POSITIVE_INFINITY) continue;
    const doneMs = progress.doneMs[before]!;
    for (let layer = 1; layer < tables.nLayers; layer++) {
      const ms = join(doneMs[layer]!, hopMs);
      if (ms < enterMs[layer]!) {
        enterMs[layer] = ms;
        enterFrom[layer] = before;
      }
    }
  }
  progress.enterMs[position] = enterMs;
  progress.enterFrom[position] = enterFrom;
}

/** Time until the device has done layers up to each end, as a stage without the head. */
function advance(tables: CostTables, device: number, position: number, progress: Progress, join: Join, capMs: number) {
  const enterMs = progress.enterMs[position]!;
  const doneMs = new Array<number>(tables.nLayers).fill(Number.POSITIVE_INFINITY);
  const startLayer = new Array<number>(tables.nLayers).fill(-1);
  for (let start = 0; start < tables.nLayers; start++) {
    if (enterMs[start] === Number.POSITIVE_INFINITY) continue;
    for (let end = start + 1; end < tables.nLayers && fits(tables, device, start, end, false); end++) {
      const computeMs = stageMs(tables, device, end - start, false);
      if (computeMs > capMs) break;
      const ms = join(enterMs[start]!, computeMs);
      if (ms < doneMs[end]!) {
        doneMs[end] = ms;
        startLayer[end] = start;
      }
    }
  }
  progress.doneMs[position] = doneMs;
  progress.startLayer[position] = startLayer;
}

/** The best start of a last stage on this device: the remaining layers, the head, and the way back. */
function finish(tables: CostTables, device: number, enterMs: readonly number[], join: Join, capMs: number) {
  let best = { ms: Number.POSITIVE_INFINITY, startLayer: -1 };
  const exitMs = tables.exitMs[device]!;
  if (exitMs > capMs) return best;
  for (let start = tables.nLayers - 1; start >= 0 && fits(tables, device, start, tables.nLayers, true); start--) {
    const computeMs = stageMs(tables, device, tables.nLayers - start, true);
    if (computeMs > capMs) break;
    const ms = join(join(enterMs[start]!, computeMs), exitMs);
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
