import type { CostTables } from './cost.ts';
import type { Clusters } from './cuts.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** What a device pays for its links within its cluster, ms, and to whom they lead. */
interface Near {
  ms: number;
  /** What the end of a stretch saves, which has one of the links only, ms. */
  endMs: number;
  others: number[];
}

/** The least that so many layers cost in a cluster, (layers done), and how many its last device then has, (device, layers done). */
interface Shared {
  ms: Float64Array;
  own: Int16Array[];
}

/** The sums behind `clusterBound`, for any potentials of the devices. */
export class Charges {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  private readonly groups: number[][];
  private readonly most: ReadonlyMap<number, number>;
  private readonly cap: number;
  /** (device, device): the faster of both directions, ms. */
  private readonly hopMs: Float64Array[];

  constructor(tables: CostTables, view: LayerView, devices: readonly number[], clusters: Clusters, cap: number) {
    this.tables = tables;
    this.view = view;
    this.cap = cap;
    this.groups = Array.from({ length: clusters.count }, (_, c) => devices.filter((device) => clusters.of[device] === c));
    this.hopMs = tables.peerIds.map((_, a) => Float64Array.from(tables.peerIds, (_, b) => this.fasterHop(a, b)));
    this.most = new Map(devices.map((device) => [device, this.mostLayers(device)]));
  }

  private mostLayers(device: number): number {
    const { tables, view } = this;
    const most = Math.max(view.freeLayers[device]!, view.freeLayersWithHead[device]!);
    return layersWithin(this.cap, tables.overheadMs[device]!, view.layerMs[device]!, most);
  }

  private fasterHop(a: number, b: number): number {
    const { hopMs, hopBusyMs } = this.tables;
    const there = hopBusyMs[a]![b]! <= this.cap ? hopMs[a]![b]! : Number.POSITIVE_INFINITY;
    const back = hopBusyMs[b]![a]! <= this.cap ? hopMs[b]![a]! : Number.POSITIVE_INFINITY;
    return Math.min(there, back);
  }

  /** @returns the bound, and where it rises: by device, how often its links are used less than it pays for. */
  bound(potentials: Float64Array): { ms: number; slope: Float64Array } {
    const { nLayers } = this.tables;
    const near = this.nearest(potentials);
    const shared = this.groups.map((group) => this.share(group, near));
    const waysMs = this.ways(near);
    if (!waysMs) return { ms: 0, slope: new Float64Array(potentials.length) };
    const perSet = [emptySet(nLayers)];
    let best = { ms: Number.POSITIVE_INFINITY, set: 0 };
    for (let set = 1; set < waysMs.length; set++) {
      const lowest = 31 - Math.clz32(set & -set);
      perSet.push(joined(perSet[set & (set - 1)]!, shared[lowest]!.ms));
      const ms = perSet[set]![nLayers]! + waysMs[set]!;
      if (ms < best.ms) best = { ms, set };
    }
    const used = best.set === 0 ? [] : this.trace(best.set, perSet, shared);
    return { ms: best.ms + this.tables.sourceMs, slope: this.slope(used, near) };
  }

  private nearest(potentials: Float64Array): Map<number, Near> {
    const near = new Map<number, Near>();
    for (const group of this.groups) for (const device of group) near.set(device, this.nearestTwo(device, group, potentials));
    return near;
  }

  /** A device with one link uses it twice, one alone has none. */
  private nearestTwo(device: number, group: readonly number[], potentials: Float64Array): Near {
    let [first, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let [firstOther, secondOther] = [device, device];
    const hopMs = this.hopMs[device]!;
    for (const other of group) {
      if (other === device) continue;
      const ms = hopMs[other]! - potentials[other]!;
      if (ms < first) {
        [second, secondOther] = [first, firstOther];
        [first, firstOther] = [ms, other];
      } else if (ms < second) [second, secondOther] = [ms, other];
    }
    if (first === Number.POSITIVE_INFINITY) return { ms: 0, endMs: 0, others: [] };
    if (second === Number.POSITIVE_INFINITY) [second, secondOther] = [first, firstOther];
    const own = potentials[device]!;
    return { ms: (first + second) / 2 + own, endMs: (second + own) / 2, others: [firstOther, secondOther] };
  }

  private share(group: readonly number[], near: ReadonlyMap<number, Near>): Shared {
    const { tables, view } = this;
    let ms = emptySet(tables.nLayers);
    const own: Int16Array[] = [];
    for (const device of group) {
      const fixedMs = tables.overheadMs[device]! + near.get(device)!.ms;
      const next = withDevice(ms, fixedMs, view.layerMs[device]!, this.most.get(device)!);
      own.push(next.own);
      ms = next.ms;
    }
    return { ms, own };
  }

  /** For every set of clusters the cheapest way from the source through all of them, some perhaps twice, and back, ms; null as `steps` is. */
  private ways(near: ReadonlyMap<number, Near>): Float64Array | null {
    const { tables, groups, cap } = this;
    const open = (busyMs: number, ms: number) => (busyMs <= cap ? ms : Number.POSITIVE_INFINITY);
    const end = (device: number) => near.get(device)!.endMs;
    const least = (of: (device: number) => number) => groups.map((group) => Math.min(...group.map((d) => of(d) - end(d))));
    const entries = least((d) => open(tables.entryBusyMs[d]!, tables.entryMs[d]!));
    const exits = least((d) => open(tables.exitBusyMs[d]!, tables.exitMs[d]! + tables.headMs[d]!));
    const steps = this.steps(end);
    if (!steps) return null;
    const waysMs = new Float64Array(2 ** groups.length).fill(Number.POSITIVE_INFINITY);
    for (let set = 1; set < waysMs.length; set++) waysMs[set] = cheapestWay(set, steps, entries, exits);
    return waysMs;
  }

  /** Between clusters, directly or through others, less what the ends save; null when that is a gain: it says nothing then. */
  private steps(end: (device: number) => number): number[][] | null {
    const { groups } = this;
    const nearestMs = (a: readonly number[], b: readonly number[]) => {
      let least = Number.POSITIVE_INFINITY;
      for (const x of a) {
        const [hopMs, endMs] = [this.hopMs[x]!, end(x)];
        for (const y of b) least = Math.min(least, hopMs[y]! - endMs - end(y));
      }
      return least;
    };
    const steps = groups.map((a) => groups.map((b) => (a === b ? 0 : nearestMs(a, b))));
    if (steps.some((row) => row.some((ms) => !(ms >= 0)))) return null;
    for (const via of groups.keys()) {
      for (const row of steps) for (const to of groups.keys()) row[to] = Math.min(row[to]!, row[via]! + steps[via]![to]!);
    }
    return steps;
  }

  /** The devices that the bound uses. */
  private trace(set: number, perSet: readonly Float64Array[], shared: readonly Shared[]): number[] {
    const used: number[] = [];
    let layers = this.tables.nLayers;
    for (let left = set; left !== 0; left &= left - 1) {
      const lowest = 31 - Math.clz32(left & -left);
      const own = shareOf(perSet[left]!, perSet[left & (left - 1)]!, shared[lowest]!.ms, layers);
      let done = own;
      for (let at = this.groups[lowest]!.length - 1; at >= 0; at--) {
        const mine = shared[lowest]!.own[at]![done]!;
        if (mine > 0) used.push(this.groups[lowest]![at]!);
        done -= mine;
      }
      layers -= own;
    }
    return used;
  }

  private slope(used: readonly number[], near: ReadonlyMap<number, Near>): Float64Array {
    const slope = new Float64Array(this.tables.peerIds.length);
    for (const device of used) {
      const { others } = near.get(device)!;
      if (others.length > 0) slope[device]! += 1;
      for (const other of others) slope[other]! -= 0.5;
    }
    return slope;
  }
}

function emptySet(nLayers: number): Float64Array {
  const costs = new Float64Array(nLayers + 1).fill(Number.POSITIVE_INFINITY);
  costs[0] = 0;
  return costs;
}

function cheapestWay(set: number, steps: readonly number[][], entries: readonly number[], exits: readonly number[]): number {
  const members = [...steps.keys()].filter((c) => (set & (1 << c)) !== 0);
  const leave = (last: number) => Math.min(...members.map((c) => steps[last]![c]! + exits[c]!));
  const walk = (last: number, left: number): number => {
    if (left === 0) return leave(last);
    const next = members.filter((c) => (left & (1 << c)) !== 0);
    return Math.min(...next.map((c) => steps[last]![c]! + walk(c, left & ~(1 << c))));
  };
  return Math.min(...members.map((c) => entries[c]! + walk(c, set & ~(1 << c))));
}

/** The best way to share each number of layers; the added cluster has at least one. */
function joined(rest: Float64Array, own: Float64Array): Float64Array {
  const both = new Float64Array(rest.length).fill(Number.POSITIVE_INFINITY);
  for (let a = 0; a < rest.length; a++) {
    if (rest[a] === Number.POSITIVE_INFINITY) continue;
    for (let b = 1; a + b < rest.length; b++) both[a + b] = Math.min(both[a + b]!, rest[a]! + own[b]!);
  }
  return both;
}

/** How many of the layers the added cluster has in `joined`. */
function shareOf(both: Float64Array, rest: Float64Array, own: Float64Array, layers: number): number {
  let share = 1;
  while (share < layers && rest[layers - share]! + own[share]! !== both[layers]!) share++;
  return share;
}

function withDevice(before: Float64Array, fixedMs: number, layerMs: number, most: number) {
  const ms = before.slice();
  const own = new Int16Array(before.length);
  for (let layers = 1; layers < before.length; layers++) {
    for (let mine = 1; mine <= Math.min(most, layers); mine++) {
      const withMine = before[layers - mine]! + fixedMs + mine * layerMs;
      if (withMine >= ms[layers]!) continue;
      ms[layers] = withMine;
      own[layers] = mine;
    }
  }
  return { ms, own };
}
