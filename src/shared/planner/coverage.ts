import { type CostTables, fits, furthestEnd } from './cost.ts';

/** States kept per number of devices: all of them for 12 devices, so that the search is exact up to there. */
const BEAM_WIDTH = 6000;
/** Sets of devices are bits of one integer. */
export const MAX_PLANNED_DEVICES = 32;

interface Path {
  set: number;
  last: number;
  devices: number;
  coveredLayers: number;
  before: Path | null;
}

export interface Coverage {
  /** Devices of the first complete path, in order; null when there is none. */
  order: number[] | null;
  /** Layers that the best incomplete path has memory for. */
  coveredLayers: number;
}

/**
 * Looks for any order of devices with room for every layer and a link from each to the next, shortest first: paths grow
 * by one device a round, and of those through the same devices with the same end only the roomiest is kept.
 *
 * @param linked false ignores the links: then a null order means that memory is what is missing.
 * @param accept has the last word on an order that looks complete.
 */
export function coverAllLayers(tables: CostTables, linked: boolean, accept: (order: number[]) => boolean): Coverage {
  let paths: Path[] = [];
  let coveredLayers = 0;
  for (let devices = 1; devices <= Math.min(tables.peerIds.length, tables.nLayers); devices++) {
    const grown = devices === 1 ? firstPaths(tables, linked) : paths.flatMap((path) => longerPaths(tables, path, linked));
    const complete = grown.filter((path) => canFinish(tables, path, linked)).slice(0, BEAM_WIDTH);
    for (const path of complete) {
      const order = orderOf(path);
      if (accept(order)) return { order, coveredLayers: tables.nLayers };
    }
    paths = roomiest(grown);
    coveredLayers = Math.max(coveredLayers, paths[0]?.coveredLayers ?? 0);
    if (paths.length === 0) break;
  }
  return { order: null, coveredLayers };
}

function firstPaths(tables: CostTables, linked: boolean): Path[] {
  return tables.peerIds.flatMap((_, device) => {
    if (linked && tables.entryMs[device] === Number.POSITIVE_INFINITY) return [];
    return grow(tables, null, device);
  });
}

function longerPaths(tables: CostTables, path: Path, linked: boolean): Path[] {
  return tables.peerIds.flatMap((_, device) => {
    if ((path.set & (1 << device)) !== 0) return [];
    if (linked && tables.hopMs[path.last]![device] === Number.POSITIVE_INFINITY) return [];
    return grow(tables, path, device);
  });
}

/** The last layer is kept for the stage with the head, so a path covers at most all but one. */
function grow(tables: CostTables, before: Path | null, device: number): Path[] {
  const start = before?.coveredLayers ?? 0;
  const coveredLayers = furthestEnd(tables, device, start, tables.nLayers - 1);
  if (coveredLayers === start && !hasRoomAtEnd(tables, device, start)) return [];
  const set = (before?.set ?? 0) | (1 << device);
  return [{ set, last: device, devices: (before?.devices ?? 0) + 1, coveredLayers, before }];
}

/** A device that adds no layer may still pass them on, if those before it can leave it one. */
function hasRoomAtEnd(tables: CostTables, device: number, start: number): boolean {
  return (
    start === tables.nLayers - 1 &&
    (fits(tables, device, Math.max(0, start - 1), Math.max(1, start), false) || fits(tables, device, start, start + 1, true))
  );
}

function canFinish(tables: CostTables, path: Path, linked: boolean): boolean {
  if (linked && tables.exitMs[path.last] === Number.POSITIVE_INFINITY) return false;
  return fits(tables, path.last, path.before?.coveredLayers ?? 0, tables.nLayers, true);
}

function roomiest(paths: readonly Path[]): Path[] {
  const best = new Map<number, Path>();
  for (const path of paths) {
    // Exact in a double: 32 bits of set, times at most 32 devices.
    const key = (path.set >>> 0) * MAX_PLANNED_DEVICES + path.last;
    const known = best.get(key);
    if (!known || path.coveredLayers > known.coveredLayers) best.set(key, path);
  }
  return [...best.values()].sort((a, b) => b.coveredLayers - a.coveredLayers).slice(0, BEAM_WIDTH);
}

function orderOf(path: Path): number[] {
  const order: number[] = [];
  for (let at: Path | null = path; at; at = at.before) order.unshift(at.last);
  return order;
}
