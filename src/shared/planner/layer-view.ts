import { type CostTables, fits } from './cost.ts';
import { SAME } from './frontier.ts';

/**
 * A problem seen as if layers were all the same: each device with its fastest layer and with the most layers that it
 * has memory for anywhere. When they are the same, the view is the problem; else what is best here bounds it from below.
 */
export interface LayerView {
  /** True when the view loses nothing. */
  isEqual: boolean;
  layerMs: number[];
  /** Most layers of a stage without and with the head, within memory. */
  freeLayers: number[];
  freeLayersWithHead: number[];
}

/** True when every layer takes a device the same time, all are of one size, and none is there already. */
export function hasEqualLayers(tables: CostTables): boolean {
  if (tables.held.some((held) => held !== null)) return false;
  return tables.msBefore.every((before) => areSame(differences(before))) && areSame(differences(tables.bytesBefore));
}

export function layerView(tables: CostTables): LayerView {
  const times = tables.msBefore.map(differences);
  return {
    isEqual: hasEqualLayers(tables),
    layerMs: times.map((ms) => (areSame(ms) ? ms.reduce((sum, one) => sum + one, 0) / ms.length : Math.min(...ms))),
    freeLayers: tables.peerIds.map((_, device) => longestRun(tables, device)),
    freeLayersWithHead: tables.peerIds.map((_, device) => longestEnd(tables, device)),
  };
}

/** Layers that keep the device busy for at most `capMs`, beside `fixedMs`; no more than it has memory for. */
export function layersWithin(capMs: number, fixedMs: number, layerMs: number, freeLayers: number): number {
  const leftMs = capMs * (1 + SAME) - fixedMs;
  if (leftMs < 0) return 0;
  return layerMs * freeLayers <= leftMs ? freeLayers : Math.floor(leftMs / layerMs);
}

function longestRun(tables: CostTables, device: number): number {
  let longest = 0;
  let start = 0;
  for (let end = 1; end <= tables.nLayers; end++) {
    while (start < end && !fits(tables, device, start, end, false)) start++;
    longest = Math.max(longest, end - start);
  }
  return longest;
}

function longestEnd(tables: CostTables, device: number): number {
  let start = tables.nLayers;
  while (start > 0 && fits(tables, device, start - 1, tables.nLayers, true)) start--;
  return tables.nLayers - start;
}

function differences(before: readonly number[]): number[] {
  return before.slice(1).map((value, i) => value - before[i]!);
}

function areSame(values: readonly number[]): boolean {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return most - least <= SAME * Math.max(1, most);
}
