import { type CostTables, fits, stageBusyMs } from './cost.ts';
import type { Clusters } from './cuts.ts';
import { SAME } from './frontier.ts';

/** A way through all layers that may come to a device more than once. */
export interface Walk {
  /** Its cost less the price of every device once, ms: no chain is below this. */
  boundMs: number;
  /** Positions in the list of devices, in the order of the walk. */
  visits: number[];
}

/** Numbers of every (layers, device), flat; two ranks of each: the best, and the best that came from another device. */
interface Ranked {
  ms: [Float64Array, Float64Array];
  /** Device before. */
  from: [Int32Array, Int32Array];
  /** Where the best way there goes on backwards: a layer for stages, a rank for both. */
  start: [Int32Array, Int32Array];
  rank: [Int32Array, Int32Array];
}

const RANKS = [0, 1] as const;
const NOBODY = -1;

/**
 * The cheapest way through all layers when a device may be visited again, though not straight from the one it was left
 * for: a relaxation of the problem that dynamic programming over (layers done, last device) solves in O(L M^2). A price
 * on every visit makes coming back dear. For any prices, the walk's cost with prices, less each device's price once, is
 * a bound from below on every chain.
 */
export class WalkSearch {
  readonly devices: readonly number[];
  private readonly tables: CostTables;
  private readonly capMs: number;
  private readonly n: number;
  /** (device, end): the first layer that a stage ending there can start with; the last entry is for the stage with the head. */
  readonly firstStart: Int32Array;
  /** (device, device), less the prices of the cuts of the last `solve`, ms. */
  readonly hopMs: Float64Array;
  readonly fullHopMs: Float64Array;
  readonly entryMs: Float64Array;
  private readonly clusters: Clusters;
  /** Before a stage starts with the layer. */
  readonly enter: Ranked;
  /** After a stage without the head that ends before the layer. */
  readonly done: Ranked;

  constructor(tables: CostTables, devices: readonly number[], capMs: number, clusters: Clusters) {
    this.tables = tables;
    this.clusters = clusters;
    this.devices = devices;
    this.capMs = capMs * (1 + SAME);
    this.n = devices.length;
    this.firstStart = Int32Array.from(devices.flatMap((device) => this.firstStarts(device)));
    this.fullHopMs = Float64Array.from(devices.flatMap((from) => devices.map((to) => this.hop(from, to))));
    this.hopMs = this.fullHopMs.slice();
    this.entryMs = new Float64Array(devices.length);
    this.enter = ranked((tables.nLayers + 1) * this.n);
    this.done = ranked((tables.nLayers + 1) * this.n);
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

  /** @param priceMs of a visit, for each of the devices, and of each cut. @returns null when there is no way at all. */
  solve(priceMs: Float64Array): Walk | null {
    const { tables, n, enter, done } = this;
    for (const rank of RANKS) {
      enter.ms[rank].fill(Number.POSITIVE_INFINITY);
      done.ms[rank].fill(Number.POSITIVE_INFINITY);
      enter.from[rank].fill(NOBODY);
      done.from[rank].fill(NOBODY);
    }
    this.setCutPrices(priceMs);
    for (let i = 0; i < n; i++) enter.ms[0][i] = this.entryMs[i]!;
    for (let layer = 1; layer < tables.nLayers; layer++) {
      for (let i = 0; i < n; i++) this.endAt(layer, i, priceMs[i]!);
      this.enterAt(layer);
    }
    const last = this.finish(priceMs);
    return last && { boundMs: last.ms + this.offsetMs(priceMs), visits: this.trace(last) };
  }

  /** Layers that each device has memory for at most, within the cap. */
  mostLayers(): Int32Array {
    const width = this.tables.nLayers + 1;
    return Int32Array.from(this.devices, (_, i) => {
      let most = 0;
      for (let end = 1; end < width; end++) most = Math.max(most, end - this.firstStart[i * width + end]!);
      return most;
    });
  }

  /** What a way's cost with prices is more than its bound, negated, ms. */
  offsetMs(priceMs: Float64Array): number {
    let ms = this.tables.sourceMs;
    for (let i = 0; i < this.n; i++) ms -= priceMs[i]!;
    for (const [c, cut] of this.clusters.cuts.entries()) ms += cut.least * priceMs[this.n + c]!;
    return ms;
  }

  private setCutPrices(priceMs: Float64Array): void {
    const { n, clusters, tables, devices } = this;
    this.hopMs.set(this.fullHopMs);
    for (const [i, device] of devices.entries()) {
      const isOpen = tables.entryBusyMs[device]! <= this.capMs;
      this.entryMs[i] = isOpen ? tables.entryMs[device]! : Number.POSITIVE_INFINITY;
    }
    const lessMs = clusterPrices(clusters, priceMs.subarray(n));
    for (let to = 0; to < n; to++) {
      const cluster = clusters.of[devices[to]!]!;
      this.entryMs[to]! -= lessMs[clusters.count]![cluster]!;
      for (let from = 0; from < n; from++) this.hopMs[from * n + to]! -= lessMs[clusters.of[devices[from]!]!]![cluster]!;
    }
  }

  /** How far a walk is from using each device once and each cut as often as it must: where prices should rise. */
  slope(visits: readonly number[]): Float64Array {
    const { n, clusters, devices } = this;
    const slope = new Float64Array(n + clusters.cuts.length).fill(-1, 0, n);
    for (const i of visits) slope[i]! += 1;
    const clusterAt = (at: number) => (at < 0 ? clusters.count : clusters.of[devices[visits[at]!]!]!);
    for (const [c, { least, counts }] of clusters.cuts.entries()) {
      slope[n + c] = visits.reduce((left, _, at) => left - counts[clusterAt(at - 1)]![clusterAt(at)]!, least);
    }
    return slope;
  }

  private endAt(layer: number, i: number, visitMs: number): void {
    const { n, tables, enter, done } = this;
    const before = tables.msBefore[this.devices[i]!]!;
    const at = layer * n + i;
    const runMs = before[layer]! + tables.overheadMs[this.devices[i]!]! + visitMs;
    for (let start = this.firstStart[i * (tables.nLayers + 1) + layer]!; start < layer; start++) {
      const from = start * n + i;
      const stageMs = runMs - before[start]!;
      if (enter.ms[0][from]! + stageMs >= done.ms[1][at]!) continue;
      for (const rank of RANKS) {
        const ms = enter.ms[rank][from]! + stageMs;
        if (ms < done.ms[1][at]!) insert(done, at, ms, enter.from[rank][from]!, start, rank);
      }
    }
  }

  private enterAt(layer: number): void {
    const { n, hopMs } = this;
    const [bestMs, otherMs] = this.done.ms;
    const [cameFrom] = this.done.from;
    const [firstMs, secondMs] = this.enter.ms;
    const row = layer * n;
    for (let from = 0; from < n; from++) {
      const best = bestMs[row + from]!;
      if (best === Number.POSITIVE_INFINITY) continue;
      const back = cameFrom[row + from]!;
      for (let to = 0; to < n; to++) {
        const ms = (to === back ? otherMs[row + from]! : best) + hopMs[from * n + to]!;
        if (ms >= secondMs[row + to]!) continue;
        if (ms < firstMs[row + to]!) insert(this.enter, row + to, ms, from, layer, to === back ? 1 : 0);
        else setRank(this.enter, 1, row + to, ms, from, layer, to === back ? 1 : 0);
      }
    }
  }

  private finish(priceMs: Float64Array): { ms: number; i: number; start: number } | null {
    const { tables, n, devices } = this;
    const end = tables.nLayers;
    let best = { ms: Number.POSITIVE_INFINITY, i: NOBODY, start: NOBODY };
    for (let i = 0; i < n; i++) {
      const fixedMs = this.lastMs(i, priceMs);
      const before = tables.msBefore[devices[i]!]!;
      for (let start = this.firstStart[i * (end + 1) + end]!; start < end; start++) {
        const ms = this.enter.ms[0][start * n + i]! + before[end]! - before[start]! + fixedMs;
        if (ms < best.ms) best = { ms, i, start };
      }
    }
    return best.i === NOBODY ? null : best;
  }

  /** What a last stage costs besides its layers, ms. */
  lastMs(i: number, priceMs: Float64Array): number {
    const { tables } = this;
    const device = this.devices[i]!;
    if (!(tables.exitBusyMs[device]! <= this.capMs)) return Number.POSITIVE_INFINITY;
    return tables.overheadMs[device]! + tables.headMs[device]! + tables.exitMs[device]! + priceMs[i]!;
  }

  private trace(last: { i: number; start: number }): number[] {
    const { n, enter, done } = this;
    const visits = [last.i];
    let [i, layer, rank] = [last.i, last.start, 0 as 0 | 1];
    while (layer > 0) {
      const entered = layer * n + i;
      const left = layer * n + enter.from[rank][entered]!;
      const doneRank = enter.rank[rank][entered] === 0 ? 0 : 1;
      i = enter.from[rank][entered]!;
      layer = done.start[doneRank][left]!;
      rank = done.rank[doneRank][left] === 0 ? 0 : 1;
      visits.unshift(i);
    }
    return visits;
  }

  /**
   * For each device, a bound from below on every chain that it has a part in: the way there of the last `solve`, and the
   * cheapest way on.
   *
   * @param priceMs the prices of the last `solve`.
   */
  boundsWith(priceMs: Float64Array): Float64Array {
    const { tables, n } = this;
    const bounds = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    const onMs = new Float64Array((tables.nLayers + 1) * n).fill(Number.POSITIVE_INFINITY);
    const offsetMs = this.offsetMs(priceMs);
    for (let layer = tables.nLayers - 1; layer >= 0; layer--) {
      const fromHere = Float64Array.from(this.devices, (_, i) => this.runFrom(layer, i, priceMs, onMs));
      for (let i = 0; i < n; i++) {
        bounds[i] = Math.min(bounds[i]!, this.enter.ms[0][layer * n + i]! + fromHere[i]! + offsetMs);
        let leastMs = Number.POSITIVE_INFINITY;
        for (let to = 0; to < n; to++) leastMs = Math.min(leastMs, this.hopMs[i * n + to]! + fromHere[to]!);
        onMs[layer * n + i] = leastMs;
      }
    }
    return bounds;
  }

  /** The cheapest way on when the device starts a stage with this layer, ms. */
  private runFrom(layer: number, i: number, priceMs: Float64Array, onMs: Float64Array): number {
    const { tables, n } = this;
    const device = this.devices[i]!;
    const before = tables.msBefore[device]!;
    const width = tables.nLayers + 1;
    const runMs = tables.overheadMs[device]! + priceMs[i]! - before[layer]!;
    let leastMs = Number.POSITIVE_INFINITY;
    for (let end = layer + 1; end < tables.nLayers && this.firstStart[i * width + end]! <= layer; end++) {
      leastMs = Math.min(leastMs, runMs + before[end]! + onMs[end * n + i]!);
    }
    if (this.firstStart[i * width + tables.nLayers]! > layer) return leastMs;
    return Math.min(leastMs, before[tables.nLayers]! - before[layer]! + this.lastMs(i, priceMs));
  }
}

/** (clusters + 1, clusters): what the prices of the cuts take off a link, ms. */
function clusterPrices({ count, cuts }: Clusters, priceMs: Float64Array): Float64Array[] {
  const lessMs = Array.from({ length: count + 1 }, () => new Float64Array(count));
  for (const [c, { counts }] of cuts.entries()) {
    for (const [from, row] of counts.entries())
      for (const [to, often] of row.entries()) lessMs[from]![to]! += often * priceMs[c]!;
  }
  return lessMs;
}

function ranked(size: number): Ranked {
  const numbers = (): [Float64Array, Float64Array] => [new Float64Array(size), new Float64Array(size)];
  const indices = (): [Int32Array, Int32Array] => [new Int32Array(size), new Int32Array(size)];
  return { ms: numbers(), from: indices(), start: indices(), rank: indices() };
}

/** Puts a value in its rank; the second rank never comes from the same device as the first. */
function insert(table: Ranked, at: number, ms: number, from: number, start: number, rank: number): void {
  if (ms >= table.ms[0][at]!) {
    if (from !== table.from[0][at]) setRank(table, 1, at, ms, from, start, rank);
    return;
  }
  if (from !== table.from[0][at]) {
    setRank(table, 1, at, table.ms[0][at]!, table.from[0][at]!, table.start[0][at]!, table.rank[0][at]!);
  }
  setRank(table, 0, at, ms, from, start, rank);
}

function setRank(table: Ranked, to: 0 | 1, at: number, ms: number, from: number, start: number, rank: number): void {
  table.ms[to][at] = ms;
  table.from[to][at] = from;
  table.start[to][at] = start;
  table.rank[to][at] = rank;
}
