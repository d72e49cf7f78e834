import type { ShardParts } from '../model/shard-parts.ts';
import { type CostTables, shardBytes } from './cost.ts';
import type { Part } from './device-part.ts';
import type { PlanningDevice } from './problem.ts';
import { type Solution, type SolveOptions, solve } from './solve.ts';
import type { Setting } from './solver-setting.ts';

export interface Answer {
  setting: Setting;
  solution: Solution;
}

/** Plans tie when one is this much worse than the other at most. */
const TIE = 1.05;
/** A room with more devices than this would wait too long for the comparison. */
const MOST_DEVICES = 12;

/** Bytes that devices must download before they can serve these parts. */
export function bytesToLoad({ problem, tables }: Setting, parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + downloadBytes(problem.devices[part.device]!, tables, part), 0);
}

function downloadBytes(device: PlanningDevice, tables: CostTables, { startLayer, endLayer }: Part): number {
  const has = (layer: number) => partsOf(device).some(({ layers }) => layers.includes(layer + tables.sourceLayers));
  let bytes = endLayer === tables.nLayers && !partsOf(device).some(({ head }) => head) ? tables.headBytes : 0;
  for (let layer = startLayer; layer < endLayer; layer++) if (!has(layer)) bytes += shardBytes(tables, layer, layer + 1, false);
  return bytes;
}

/** What it need not download, in its memory or in its store. */
function partsOf({ held, stored }: PlanningDevice): ShardParts[] {
  return [held, stored].filter((parts) => parts !== undefined);
}

/**
 * Of the plans that tie with the best one, the one that loads least: those of devices that have some of the model, and
 * those without one of the devices that have none.
 */
export function withLeastLoading({ setting, solution }: Answer, options: SolveOptions): Answer {
  const { devices } = setting.problem;
  const isFresh = (device: number) => partsOf(devices[device]!).every(({ layers, head }) => layers.length === 0 && !head);
  const fresh = [...devices.keys()].filter(isFresh);
  const isWorth = fresh.length < devices.length && devices.length <= MOST_DEVICES && bytesToLoad(setting, solution.parts) > 0;
  if (!isWorth) return { setting, solution };
  const exclusions = [fresh, ...solution.parts.filter((part) => isFresh(part.device)).map((part) => [part.device])];
  const others = exclusions.map((excluded) => solve(setting.tables, setting.goal, { ...options, excluded }));
  const ties = others.filter((other) => other !== null && other.valueMs <= solution.valueMs * TIE) as Solution[];
  const least = [solution, ...ties].reduce((a, b) => (bytesToLoad(setting, b.parts) < bytesToLoad(setting, a.parts) ? b : a));
  if (least === solution) return { setting, solution };
  return { setting, solution: { ...least, lowerMs: solution.lowerMs, isProven: false } };
}
