import type { CostTables } from './cost.ts';
import { partsOf } from './device-part.ts';
import { passPlan } from './evaluate.ts';
import { type PassAnswer, type PassSolver, SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** Sets of devices are bits, and the tables hold a number for every (set, last device). */
export const MAX_CHAIN_DEVICES = 16;

/**
 * Cheapest passes when layers are equal, exact: a shortest path through every set of devices (Held and Karp, J. SIAM
 * 10(1), 1962), and for each set the layers go to its fastest devices first, as far as memory and the cap allow, with
 * at least one for each. O(2^M M^2) in time and O(2^M M) in memory, whatever the number of layers.
 *
 * @param candidates at most MAX_CHAIN_DEVICES devices to choose from.
 * @param required devices that must take part.
 */
export function chainSolver(
  tables: CostTables,
  view: LayerView,
  candidates: readonly number[],
  required: readonly number[] = [],
): PassSolver {
  const bySpeed = [...candidates].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
  const search = new ChainSearch(tables, view, bySpeed, required);
  return (capMs, limitMs) => search.solve(capMs, limitMs);
}

class ChainSearch {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  /** Device of each bit: the fastest has the lowest. */
  private readonly devices: readonly number[];
  private readonly requiredSet: number;
  private readonly n: number;
  private readonly layerMs: Float64Array;
  /** (set, last): the cheapest path over links and fixed costs; no layers and no head in it. */
  private readonly pathMs: Float64Array;
  // The problem under one cap.
  private readonly startMs: Float64Array;
  private readonly stepMs: Float64Array;
  private readonly endMs: Float64Array;
  private readonly most: Int32Array;
  private readonly mostWithHead: Int32Array;
  private best = { ms: Number.POSITIVE_INFINITY, set: 0, last: -1 };

  constructor(tables: CostTables, view: LayerView, devices: readonly number[], required: readonly number[]) {
    this.tables = tables;
    this.view = view;
    this.devices = devices;
    this.n = devices.length;
    this.requiredSet = required.reduce((set, device) => set | (1 << devices.indexOf(device)), 0);
    this.layerMs = Float64Array.from(devices, (device) => view.layerMs[device]!);
    this.pathMs = new Float64Array(2 ** this.n * this.n);
    this.startMs = new Float64Array(this.n);
    this.stepMs = new Float64Array(this.n * this.n);
    this.endMs = new Float64Array(this.n);
    this.most = new Int32Array(this.n);
    this.mostWithHead = new Int32Array(this.n);
  }

  private search(capMs: number, limitMs: number): void {
    this.prepare(capMs * (1 + SAME));
    this.best = { ms: limitMs - this.tables.sourceMs, set: 0, last: -1 };
    for (let set = 1; set < 2 ** this.n; set++) this.visit(set);
  }

  solve(capMs: number, limitMs: number): PassAnswer {
    this.search(capMs, limitMs);
    if (this.best.last < 0) return { plan: null, lowerMs: limitMs };
    const plan = passPlan(this.tables, this.trace());
    return { plan, lowerMs: this.best.ms + this.tables.sourceMs };
  }

  private prepare(capMs: number): void {
    const { tables, view, n, devices } = this;
    const under = (busyMs: number, ms: number) => (busyMs <= capMs ? ms : Number.POSITIVE_INFINITY);
    for (let i = 0; i < n; i++) {
      const device = devices[i]!;
      const fixedMs = tables.overheadMs[device]!;
      this.startMs[i] = under(tables.entryBusyMs[device]!, tables.entryMs[device]! + fixedMs);
      this.endMs[i] = under(tables.exitBusyMs[device]!, tables.exitMs[device]! + tables.headMs[device]!);
      const layerMs = view.layerMs[device]!;
      this.most[i] = layersWithin(capMs, fixedMs, layerMs, view.freeLayers[device]!);
      const headMs = fixedMs + tables.headBusyMs[device]!;
      this.mostWithHead[i] = layersWithin(capMs, headMs, layerMs, view.freeLayersWithHead[device]!);
      for (let k = 0; k < n; k++) {
        const to = devices[k]!;
        const hopMs = tables.hopMs[device]![to]! + tables.overheadMs[to]!;
        this.stepMs[i * n + k] = i === k ? Number.POSITIVE_INFINITY : under(tables.hopBusyMs[device]![to]!, hopMs);
      }
    }
    this.pathMs.fill(Number.POSITIVE_INFINITY);
    for (let i = 0; i < n; i++) this.pathMs[(1 << i) * n + i] = this.startMs[i]!;
  }

  /** Closes the paths through exactly this set, and lengthens those that can still become the best. */
  private visit(set: number): void {
    const { n, pathMs } = this;
    let shortest = Number.POSITIVE_INFINITY;
    for (let last = 0; last < n; last++) shortest = Math.min(shortest, pathMs[set * n + last]!);
    if (shortest === Number.POSITIVE_INFINITY) return;
    if ((set & this.requiredSet) === this.requiredSet) this.close(set, shortest);
    const leastMs = this.leastLayersMs(set);
    if (shortest + leastMs >= this.best.ms) return;
    for (let last = 0; last < n; last++) {
      const ms = pathMs[set * n + last]!;
      // The last device of a path that goes on has layers without the head.
      if (ms + leastMs < this.best.ms && this.most[last]! > 0) this.lengthen(set, last, ms);
    }
  }

  private lengthen(set: number, last: number, ms: number): void {
    const { n, pathMs, stepMs } = this;
    for (let next = 0; next < n; next++) {
      if ((set & (1 << next)) !== 0) continue;
      const at = (set | (1 << next)) * n + next;
      const longer = ms + stepMs[last * n + next]!;
      if (longer < pathMs[at]!) pathMs[at] = longer;
    }
  }

  private close(set: number, shortestMs: number): void {
    const { n, pathMs } = this;
    if (shortestMs + this.fillMs(set, -1) >= this.best.ms) return;
    for (let last = 0; last < n; last++) {
      const ms = pathMs[set * n + last]! + this.endMs[last]!;
      if (!(ms < this.best.ms)) continue;
      const wholeMs = ms + this.fillMs(set, last);
      if (wholeMs < this.best.ms) this.best = { ms: wholeMs, set, last };
    }
  }

  /**
   * Compute of all layers on exactly this set, fastest first, ms; Infinity when it has no space for them.
   *
   * @param last the device with the head; -1 lets it have the larger of its two limits, which bounds all choices.
   */
  private fillMs(set: number, last: number): number {
    const { n, layerMs } = this;
    let left = this.tables.nLayers;
    let ms = 0;
    for (let rest = set, i = 0; rest !== 0; rest >>>= 1, i++) {
      if ((rest & 1) === 0) continue;
      left--;
      ms += layerMs[i]!;
      if (this.mostFor(i, last) < 1) return Number.POSITIVE_INFINITY;
    }
    for (let i = 0; i < n && left > 0; i++) {
      if ((set & (1 << i)) === 0) continue;
      const more = Math.min(left, this.mostFor(i, last) - 1);
      ms += more * layerMs[i]!;
      left -= more;
    }
    return left === 0 ? ms : Number.POSITIVE_INFINITY;
  }

  private mostFor(i: number, last: number): number {
    if (last < 0) return Math.max(this.most[i]!, this.mostWithHead[i]!);
    return i === last ? this.mostWithHead[i]! : this.most[i]!;
  }

  /** A bound from below on the compute of any set that contains this one: one layer on each of it, the rest anywhere. */
  private leastLayersMs(set: number): number {
    const { n, layerMs } = this;
    let left = this.tables.nLayers;
    let ms = 0;
    for (let i = 0; i < n; i++) {
      if ((set & (1 << i)) === 0) continue;
      left--;
      ms += layerMs[i]!;
    }
    // A longer path needs a layer for each further device, so the set itself must leave one.
    if (left <= 0) return Number.POSITIVE_INFINITY;
    for (let i = 0; i < n && left > 0; i++) {
      const more = Math.max(0, Math.min(left, this.mostFor(i, -1) - ((set >>> i) & 1)));
      ms += more * layerMs[i]!;
      left -= more;
    }
    return left === 0 ? ms : Number.POSITIVE_INFINITY;
  }

  private trace() {
    const bits = this.pathBits();
    const last = this.best.last;
    const layers = bits.map(() => 1);
    let left = this.tables.nLayers - bits.length;
    for (const i of [...bits].sort((a, b) => a - b)) {
      const more = Math.min(left, this.mostFor(i, last) - 1);
      layers[bits.indexOf(i)]! += more;
      left -= more;
    }
    return partsOf(
      bits.map((i) => this.devices[i]!),
      layers,
    );
  }

  /** The best path, found again from its end: the step before is the one whose sum is the known one. */
  private pathBits(): number[] {
    const { n, pathMs, stepMs } = this;
    let { set, last } = this.best;
    const bits = [last];
    while (set !== 1 << last) {
      const before = set & ~(1 << last);
      const ms = pathMs[set * n + last]!;
      const from = findBit(n, (i) => (before & (1 << i)) !== 0 && pathMs[before * n + i]! + stepMs[i * n + last]! === ms);
      bits.unshift(from);
      set = before;
      last = from;
    }
    return bits;
  }
}

function findBit(n: number, is: (i: number) => boolean): number {
  for (let i = 0; i < n; i++) if (is(i)) return i;
  return -1;
}
