import { type CostTables, fits, stageBusyMs } from './cost.ts';
import { SAME } from './frontier.ts';

/** A way through all layers that may come to a device more than once. */
export interface Walk {
  /** Its cost less the prices that it paid for visits, ms. */
  boundMs: number;
  devices: number[];
}

/**
 * The cheapest way through all layers when a device may be visited again and again: a relaxation of the problem that
 * dynamic programming over (layers done, last device) solves in O(L M^2). A price on every visit of a device makes
 * coming back dear; for any prices, the walk's cost with prices, less each price once, is no more than the best chain.
 */
export class WalkSearch {
  private readonly tables: CostTables;
  private readonly devices: readonly number[];
  private readonly capMs: number;
  private readonly n: number;
  /** (device, end): the first layer that a stage ending there can start with; the last entry is for the stage with the head. */
  private readonly firstStart: Int32Array;
  private readonly hopMs: Float64Array;
  private readonly doneMs: Float64Array;
  private readonly doneStart: Int32Array;
  private readonly enterMs: Float64Array;
  private readonly enterFrom: Int32Array;

  constructor(tables: CostTables, devices: readonly number[], capMs: number) {
    this.tables = tables;
    this.devices = devices;
    this.capMs = capMs * (1 + SAME);
    this.n = devices.length;
    const width = tables.nLayers + 1;
    this.firstStart = Int32Array.from(devices.flatMap((device) => this.firstStarts(device)));
    this.hopMs = Float64Array.from(devices.flatMap((from) => devices.map((to) => this.hop(from, to))));
    this.doneMs = new Float64Array(width * this.n);
    this.doneStart = new Int32Array(width * this.n);
    this.enterMs = new Float64Array(width * this.n);
    this.enterFrom = new Int32Array(width * this.n);
  }

  private hop(from: number, to: number): number {
    const isOpen = from !== to && this.tables.hopBusyMs[from]![to]! <= this.capMs;
    return isOpen ? this.tables.hopMs[from]![to]! : Number.POSITIVE_INFINITY;
  }

  private firstStarts(device: number): number[] {
    const { tables, capMs } = this;
    const first: number[] = [0];
    const mayRun = (start: number, end: number, head: boolean) =>
      fits(tables, device, start, end, head) && stageBusyMs(tables, device, start, end, head) <= capMs;
    for (let end = 1, start = 0; end < tables.nLayers; end++) {
      while (start < end && !mayRun(start, end, false)) start++;
      first.push(start);
    }
    let start = tables.nLayers;
    while (start > 0 && mayRun(start - 1, tables.nLayers, true)) start--;
    return [...first, start];
  }

  /** @param priceMs of a visit, for each of the devices. @returns null when there is no way at all. */
  solve(priceMs: Float64Array): Walk | null {
    const { tables, n } = this;
    this.enterMs.fill(Number.POSITIVE_INFINITY);
    this.doneMs.fill(Number.POSITIVE_INFINITY);
    for (let i = 0; i < n; i++) {
      const device = this.devices[i]!;
      if (tables.entryBusyMs[device]! <= this.capMs) this.enterMs[i] = tables.entryMs[device]!;
      this.enterFrom[i] = -1;
    }
    for (let layer = 1; layer < tables.nLayers; layer++) {
      for (let i = 0; i < n; i++) this.endAt(layer, i, priceMs[i]!);
      this.enterAt(layer);
    }
    return this.finish(priceMs);
  }

  private endAt(layer: number, i: number, visitMs: number): void {
    const { enterMs, n, tables } = this;
    const before = tables.msBefore[this.devices[i]!]!;
    const at = layer * n + i;
    for (let start = this.firstStart[i * (tables.nLayers + 1) + layer]!; start < layer; start++) {
      const ms = enterMs[start * n + i]! - before[start]!;
      if (ms >= this.doneMs[at]!) continue;
      this.doneMs[at] = ms;
      this.doneStart[at] = start;
    }
    this.doneMs[at]! += before[layer]! + tables.overheadMs[this.devices[i]!]! + visitMs;
  }

  private enterAt(layer: number): void {
    const { n, doneMs, hopMs, enterMs, enterFrom } = this;
    const row = layer * n;
    for (let from = 0; from < n; from++) {
      const ms = doneMs[row + from]!;
      if (ms === Number.POSITIVE_INFINITY) continue;
      for (let to = 0; to < n; to++) {
        const there = ms + hopMs[from * n + to]!;
        if (there >= enterMs[row + to]!) continue;
        enterMs[row + to] = there;
        enterFrom[row + to] = from;
      }
    }
  }

  private finish(priceMs: Float64Array): Walk | null {
    const { tables, n, devices } = this;
    const end = tables.nLayers;
    let best = { ms: Number.POSITIVE_INFINITY, i: -1, start: -1 };
    for (let i = 0; i < n; i++) {
      const device = devices[i]!;
      if (!(tables.exitBusyMs[device]! <= this.capMs)) continue;
      const before = tables.msBefore[device]!;
      const fixedMs = tables.overheadMs[device]! + tables.headMs[device]! + tables.exitMs[device]! + priceMs[i]!;
      for (let start = this.firstStart[i * (end + 1) + end]!; start < end; start++) {
        const ms = this.enterMs[start * n + i]! + before[end]! - before[start]! + fixedMs;
        if (ms < best.ms) best = { ms, i, start };
      }
    }
    if (best.i < 0) return null;
    const boundMs = priceMs.reduce((sum, ms) => sum - ms, best.ms) + tables.sourceMs;
    return { boundMs, devices: this.trace(best.i, best.start) };
  }

  /** Positions in `devices`, in the order of the walk. */
  private trace(last: number, lastStart: number): number[] {
    const visits = [last];
    for (let i = last, layer = lastStart; layer > 0; ) {
      i = this.enterFrom[layer * this.n + i]!;
      visits.unshift(i);
      layer = this.doneStart[layer * this.n + i]!;
    }
    return visits;
  }
}
