import { type CostTables, fits, stageBusyMs } from './cost.ts';
import { passPlan } from './evaluate.ts';
import { type PassAnswer, type PassSolver, SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';
import type { Part } from './part.ts';

/** The table has a number for every (set, last device, layers done). */
export const MAX_LAYERED_DEVICES = 12;
/** Numbers in the table, 8 bytes each: the limit falls with the layers. */
const MAX_TABLE_NUMBERS = 2 ** 23;

/** How many devices the layered search can look at, for so many layers. */
export function layeredDeviceLimit(nLayers: number): number {
  let limit = MAX_LAYERED_DEVICES;
  while (limit > 1 && 2 ** limit * limit * (nLayers + 1) > MAX_TABLE_NUMBERS) limit--;
  return limit;
}

/**
 * Cheapest passes when layers differ in time or size, exact: dynamic programming over (set of devices, last device,
 * layers done), in O(2^M M^2 L), where states that cannot beat the best known pass are cut off by a bound: the layers
 * that are left, on the fastest devices that are left, as if they were all the device's cheapest.
 *
 * @param candidates at most `layeredDeviceLimit` devices to choose from.
 * @param required devices that must take part.
 */
export function layeredSolver(
  tables: CostTables,
  view: LayerView,
  candidates: readonly number[],
  required: readonly number[] = [],
): PassSolver {
  const bySpeed = [...candidates].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
  const search = new LayeredSearch(tables, view, bySpeed, required);
  return (capMs, limitMs) => search.solve(capMs, limitMs);
}

class LayeredSearch {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  private readonly devices: readonly number[];
  private readonly requiredSet: number;
  private readonly n: number;
  private readonly width: number;
  /** (set, last, layers done): the cheapest way there, without what follows. */
  private readonly doneMs: Float64Array;
  private readonly enterMs: Float64Array;
  private readonly starts: Int32Array;
  private readonly leastMs: Float64Array;
  private readonly most: Int32Array;
  private capMs = Number.POSITIVE_INFINITY;
  private best = { ms: Number.POSITIVE_INFINITY, set: 0, last: -1, start: -1 };

  constructor(tables: CostTables, view: LayerView, devices: readonly number[], required: readonly number[]) {
    this.tables = tables;
    this.view = view;
    this.devices = devices;
    this.n = devices.length;
    this.width = tables.nLayers + 1;
    this.requiredSet = required.reduce((set, device) => set | (1 << devices.indexOf(device)), 0);
    this.doneMs = new Float64Array(2 ** this.n * this.n * this.width);
    this.enterMs = new Float64Array(this.width);
    this.starts = new Int32Array(this.width);
    this.leastMs = new Float64Array(this.width);
    this.most = new Int32Array(this.n);
  }

  solve(capMs: number, limitMs: number): PassAnswer {
    this.capMs = capMs * (1 + SAME);
    this.best = { ms: limitMs - this.tables.sourceMs, set: 0, last: -1, start: -1 };
    for (const [i, device] of this.devices.entries()) this.most[i] = this.mostLayers(device);
    this.doneMs.fill(Number.POSITIVE_INFINITY);
    for (let set = 1; set < 2 ** this.n; set++) this.visit(set);
    if (this.best.last < 0) return { plan: null, lowerMs: limitMs };
    return { plan: passPlan(this.tables, this.trace()), lowerMs: this.best.ms + this.tables.sourceMs };
  }

  private mostLayers(device: number): number {
    const { tables, view } = this;
    const room = Math.max(view.roomLayers[device]!, view.headRoomLayers[device]!);
    return layersWithin(this.capMs, tables.overheadMs[device]!, view.layerMs[device]!, room);
  }

  private visit(set: number): void {
    this.boundRest(set);
    const isWhole = (set & this.requiredSet) === this.requiredSet;
    for (let last = 0; last < this.n; last++) {
      if ((set & (1 << last)) === 0 || !this.enter(set, last)) continue;
      this.advance(set, last);
      if (isWhole) this.finish(set, last);
    }
  }

  /** leastMs[l]: a bound from below on layers l and after, on devices outside the set, fixed costs left out. */
  private boundRest(set: number): void {
    const { leastMs, tables, view, n } = this;
    leastMs.fill(Number.POSITIVE_INFINITY);
    leastMs[tables.nLayers] = 0;
    let layer = tables.nLayers;
    for (let i = 0; i < n && layer > 0; i++) {
      if ((set & (1 << i)) !== 0) continue;
      for (let more = this.most[i]!; more > 0 && layer > 0; more--, layer--) {
        leastMs[layer - 1] = leastMs[layer]! + view.layerMs[this.devices[i]!]!;
      }
    }
  }

  /** Fills enterMs for the last device of the set. @returns false when no way leads there. */
  private enter(set: number, last: number): boolean {
    const { enterMs, tables, devices, n, capMs } = this;
    enterMs.fill(Number.POSITIVE_INFINITY);
    const device = devices[last]!;
    const rest = set & ~(1 << last);
    if (rest === 0) {
      if (!(tables.entryBusyMs[device]! <= capMs)) return false;
      enterMs[0] = tables.entryMs[device]!;
      return enterMs[0] < this.best.ms;
    }
    let isReached = false;
    for (let from = 0; from < n; from++) {
      if ((rest & (1 << from)) === 0 || !(tables.hopBusyMs[devices[from]!]![device]! <= capMs)) continue;
      if (this.enterFrom(this.row(rest, from), tables.hopMs[devices[from]!]![device]!)) isReached = true;
    }
    return isReached;
  }

  private enterFrom(row: number, hopMs: number): boolean {
    const { enterMs, doneMs } = this;
    let isReached = false;
    for (let layer = 1; layer < this.width - 1; layer++) {
      const ms = doneMs[row + layer]! + hopMs;
      if (ms >= enterMs[layer]!) continue;
      enterMs[layer] = ms;
      isReached = true;
    }
    return isReached;
  }

  /** The best start slides along with the end of the stage. */
  private advance(set: number, last: number): void {
    const { tables, enterMs, starts, doneMs, leastMs } = this;
    const device = this.devices[last]!;
    const before = tables.msBefore[device]!;
    const row = this.row(set, last);
    let [head, tail] = [0, 0];
    for (let end = 1; end < tables.nLayers; end++) {
      const offsetMs = enterMs[end - 1]! - before[end - 1]!;
      if (offsetMs < Number.POSITIVE_INFINITY) {
        while (tail > head && enterMs[starts[tail - 1]!]! - before[starts[tail - 1]!]! >= offsetMs) tail--;
        starts[tail++] = end - 1;
      }
      while (head < tail && !this.mayRun(device, starts[head]!, end, false)) head++;
      if (head === tail) continue;
      const ms = this.doneAfter(device, starts[head]!, end);
      if (ms + leastMs[end]! < this.best.ms) doneMs[row + end] = ms;
    }
  }

  private doneAfter(device: number, start: number, end: number): number {
    const before = this.tables.msBefore[device]!;
    return this.enterMs[start]! + (before[end]! - before[start]!) + this.tables.overheadMs[device]!;
  }

  private finish(set: number, last: number): void {
    const { tables } = this;
    const device = this.devices[last]!;
    if (!(tables.exitBusyMs[device]! <= this.capMs)) return;
    const fixedMs = tables.headMs[device]! + tables.exitMs[device]!;
    for (let start = tables.nLayers - 1; start >= 0 && this.mayRun(device, start, tables.nLayers, true); start--) {
      const ms = this.doneAfter(device, start, tables.nLayers) + fixedMs;
      if (ms < this.best.ms) this.best = { ms, set, last, start };
    }
  }

  private mayRun(device: number, start: number, end: number, head: boolean): boolean {
    return fits(this.tables, device, start, end, head) && stageBusyMs(this.tables, device, start, end, head) <= this.capMs;
  }

  private row(set: number, last: number): number {
    return (set * this.n + last) * this.width;
  }

  /** The best chain, found again from its end: the step before is the one whose sum is the known one. */
  private trace(): Part[] {
    let { set, last, start } = this.best;
    const parts: Part[] = [{ device: this.devices[last]!, startLayer: start, endLayer: this.tables.nLayers }];
    while (start > 0) {
      const rest = set & ~(1 << last);
      last = this.cheapestBefore(rest, last, start);
      const endLayer = start;
      set = rest;
      this.enter(set, last);
      start = this.startOf(last, endLayer);
      parts.unshift({ device: this.devices[last]!, startLayer: start, endLayer });
    }
    return parts;
  }

  private cheapestBefore(set: number, to: number, layer: number): number {
    const { devices, tables } = this;
    let best = { ms: Number.POSITIVE_INFINITY, from: -1 };
    for (let from = 0; from < this.n; from++) {
      const [a, b] = [devices[from]!, devices[to]!];
      if ((set & (1 << from)) === 0 || !(tables.hopBusyMs[a]![b]! <= this.capMs)) continue;
      const ms = this.doneMs[this.row(set, from) + layer]! + tables.hopMs[a]![b]!;
      if (ms < best.ms) best = { ms, from };
    }
    return best.from;
  }

  private startOf(last: number, end: number): number {
    const device = this.devices[last]!;
    let best = { ms: Number.POSITIVE_INFINITY, start: -1 };
    for (let start = end - 1; start >= 0 && this.mayRun(device, start, end, false); start--) {
      const ms = this.doneAfter(device, start, end);
      if (ms < best.ms) best = { ms, start };
    }
    return best.start;
  }
}
