import type { CostTables } from './cost.ts';
import type { Part } from './device-part.ts';
import { SAME } from './frontier.ts';
import { LabelTable } from './label-table.ts';
import type { WalkSearch } from './walks.ts';

/** Sets of devices are two integers of bits. */
export const MAX_LABEL_DEVICES = 64;

export interface LabelOptions {
  /** The search ends without an answer when it takes more labels. */
  mostLabels: number;
  /** So many labels of each layer go on, the most promising: with a limit the answer is a good one, not the best. */
  width: number;
  isLate(): boolean;
}

export interface LabelAnswer {
  /** The cheapest chain below the limit; null when none was found. */
  parts: Part[] | null;
  /** True when there is no cheaper chain below the limit. */
  isComplete: boolean;
}

/** Where a stage goes on: the cost from its end on, and what is used there. */
interface Onward {
  /** With the prices of the walks, ms. */
  pricedMs: number;
  ms: number;
  /** Devices used, as bits. */
  low: number;
  high: number;
  /** Layers that the other devices have memory for. */
  freeLayers: number;
  /** The label that follows; -1 at the end. */
  next: number;
}

/**
 * The cheapest chain below a limit, from its end to its start: labels of (first layer, device, devices used), of which
 * each is dropped when even the cheapest walk that leads there would make it dearer than the limit, or when the unused
 * devices have no space for the layers before it. Exact, and fast where walks bound well and the limit is near.
 */
export class LabelSearch {
  private readonly tables: CostTables;
  private readonly walks: WalkSearch;
  private readonly priceMs: Float64Array;
  private readonly freeLayers: Int32Array;
  private readonly required: { low: number; high: number };
  /** What a chain with prices costs more than its bound, ms. */
  private readonly offsetMs: number;
  private readonly labels: LabelTable;
  private best = { ms: 0, i: -1, next: -1 };
  /** Nothing at or above this, with prices, can be the best, ms. */
  private dearMs = 0;

  /**
   * @param walks just solved with these prices.
   * @param required devices that must take part.
   */
  constructor(tables: CostTables, walks: WalkSearch, priceMs: Float64Array, required: readonly number[]) {
    this.tables = tables;
    this.walks = walks;
    this.priceMs = priceMs;
    this.offsetMs = walks.offsetMs(priceMs);
    this.freeLayers = walks.mostLayers();
    this.labels = new LabelTable(tables.nLayers);
    const at = required.map((device) => walks.devices.indexOf(device));
    this.required = { low: at.reduce((set, i) => set | lowBit(i), 0), high: at.reduce((set, i) => set | highBit(i), 0) };
  }

  solve(limitMs: number, { mostLabels, width, isLate }: LabelOptions): LabelAnswer {
    const { nLayers } = this.tables;
    this.better(limitMs * (1 - SAME), -1, -1);
    this.start();
    let isComplete = true;
    for (let layer = nLayers - 1; layer > 0; layer--) {
      const all = this.labelsAt(layer, width);
      for (const at of all) this.comeTo(layer, at);
      if (all.length >= width) isComplete = false;
      if (this.labels.count > mostLabels || isLate()) return { parts: null, isComplete: false };
    }
    return { parts: this.best.i < 0 ? null : this.trace(), isComplete };
  }

  private better(ms: number, i: number, next: number): void {
    this.best = { ms, i, next };
    this.dearMs = ms - this.offsetMs;
  }

  /** The last stages. */
  private start(): void {
    const { walks, tables } = this;
    const freeLayers = this.freeLayers.reduce((sum, layers) => sum + layers, 0);
    for (let i = 0; i < walks.devices.length; i++) {
      const pricedMs = walks.lastMs(i, this.priceMs);
      const ms = pricedMs - this.priceMs[i]! + tables.sourceMs;
      if (pricedMs < this.dearMs) this.run(tables.nLayers, i, { pricedMs, ms, low: 0, high: 0, freeLayers, next: -1 });
    }
  }

  private labelsAt(layer: number, width: number): number[] {
    const { labels } = this;
    const all: number[] = [];
    for (let at = labels.newestAt(layer); at >= 0; at = labels.before[at]!) all.push(at);
    if (all.length <= width) return all;
    const boundMs = new Map(all.map((at) => [at, labels.pricedMs[at]! + this.entering(layer, at)]));
    return all.sort((a, b) => boundMs.get(a)! - boundMs.get(b)!).slice(0, width);
  }

  private entering(layer: number, at: number): number {
    return this.walks.enter.ms[0][layer * this.walks.devices.length + this.labels.device[at]!]!;
  }

  /** All ways to come to this label, one stage longer. */
  private comeTo(layer: number, at: number): void {
    const { walks, labels, tables } = this;
    const n = walks.devices.length;
    const [device, low, high] = [labels.device[at]!, labels.low[at]!, labels.high[at]!];
    const [pricedMs, ms, freeLayers] = [labels.pricedMs[at]!, labels.ms[at]!, labels.freeLayers[at]!];
    for (let i = 0; i < n; i++) {
      if (isIn(low, high, i)) continue;
      const hopMs = walks.hopMs[i * n + device]!;
      const known = layer * n + i;
      const rank = isIn(low, high, walks.done.from[0][known]!) ? 1 : 0;
      if (!(pricedMs + hopMs + walks.done.ms[rank][known]! < this.dearMs)) continue;
      const overheadMs = tables.overheadMs[walks.devices[i]!]!;
      const fullMs = ms + walks.fullHopMs[i * n + device]! + overheadMs;
      this.run(layer, i, {
        pricedMs: pricedMs + hopMs + overheadMs + this.priceMs[i]!,
        ms: fullMs,
        low,
        high,
        freeLayers,
        next: at,
      });
    }
  }

  /** All stages of a device that end at this layer. */
  private run(end: number, i: number, on: Onward): void {
    const { walks, tables, labels } = this;
    const n = walks.devices.length;
    const before = tables.msBefore[walks.devices[i]!]!;
    const [low, high, freeLayers] = [on.low | lowBit(i), on.high | highBit(i), on.freeLayers - this.freeLayers[i]!];
    const firstStart = walks.firstStart[i * (tables.nLayers + 1) + end]!;
    for (let start = end - 1; start >= firstStart; start--) {
      const runMs = before[end]! - before[start]!;
      const known = start * n + i;
      const rank = isIn(low, high, walks.enter.from[0][known]!) ? 1 : 0;
      if (start > freeLayers || !(on.pricedMs + runMs + walks.enter.ms[rank][known]! < this.dearMs)) continue;
      if (start > 0) labels.put(start, i, { ...on, pricedMs: on.pricedMs + runMs, ms: on.ms + runMs, low, high, freeLayers });
      else this.arrive(i, on.ms + runMs + tables.entryMs[walks.devices[i]!]!, low, high, on.next);
    }
  }

  private arrive(i: number, ms: number, low: number, high: number, next: number): void {
    const { required } = this;
    const hasAll = (low & required.low) === required.low && (high & required.high) === required.high;
    if (hasAll && ms < this.best.ms) this.better(ms, i, next);
  }

  private trace(): Part[] {
    const { walks, labels, tables } = this;
    const parts: Part[] = [];
    let [i, startLayer] = [this.best.i, 0];
    for (let at = this.best.next; at >= 0; at = labels.next[at]!) {
      parts.push({ device: walks.devices[i]!, startLayer, endLayer: labels.layer[at]! });
      [i, startLayer] = [labels.device[at]!, labels.layer[at]!];
    }
    return [...parts, { device: walks.devices[i]!, startLayer, endLayer: tables.nLayers }];
  }
}

function lowBit(i: number): number {
  return i < 32 ? 1 << i : 0;
}

function highBit(i: number): number {
  return i < 32 ? 0 : 1 << (i - 32);
}

/** Nobody, -1, is in no set. */
function isIn(low: number, high: number, i: number): boolean {
  return i >= 0 && ((i < 32 ? low >>> i : high >>> (i - 32)) & 1) === 1;
}
