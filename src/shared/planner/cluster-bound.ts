import type { CostTables } from './cost.ts';
import { SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** Clusters are sets of bits below. */
const MAX_CLUSTERS = 5;
/** Links between clusters are at least so much slower than those that hold one together. */
const LEAST_JUMP = 1.2;

/**
 * A bound from below on any pass, from where devices are: devices with fast links to each other make a cluster, such as
 * a home. A pass goes from the source through its clusters and back, over the fastest links between them at best, and
 * within each cluster every device pays half of its two fastest links there, less what the ends of a stretch save. Layers
 * are given to devices by dynamic programming (a knapsack with fixed charges), so nobody is used twice: this is strong just
 * where `WalkSearch`, which may come back to the good devices of one home, is weak.
 *
 * @param capMs nothing may be busy for longer.
 * @returns Infinity when the layers have no room.
 */
export function clusterBound(tables: CostTables, view: LayerView, devices: readonly number[], capMs: number): number {
  const cap = capMs * (1 + SAME);
  const hop = (a: number, b: number) => {
    const there = tables.hopBusyMs[a]![b]! <= cap ? tables.hopMs[a]![b]! : Number.POSITIVE_INFINITY;
    const back = tables.hopBusyMs[b]![a]! <= cap ? tables.hopMs[b]![a]! : Number.POSITIVE_INFINITY;
    return Math.min(there, back);
  };
  return Math.max(
    ...thresholds(devices, hop).map((thresholdMs) => boundFor(tables, view, clustersOf(devices, hop, thresholdMs), hop, cap)),
  );
}

type Hop = (a: number, b: number) => number;

/** Where the fastest links to others are far apart, clusters end: the largest jumps in the links of a spanning tree. */
function thresholds(devices: readonly number[], hop: Hop): number[] {
  const edges = spanningTree(devices, hop).sort((a, b) => a - b);
  const jumps = edges.slice(1).map((ms, i) => ({ ms, clusters: edges.length - i, factor: ms / Math.max(edges[i]!, 1e-9) }));
  const useful = jumps
    .filter((jump) => jump.clusters <= MAX_CLUSTERS && jump.factor > LEAST_JUMP)
    .sort((a, b) => b.factor - a.factor);
  return [Number.POSITIVE_INFINITY, ...useful.slice(0, 2).map((jump) => jump.ms)];
}

/** Lengths of the links of a spanning tree (Prim), ms; Infinity where the devices fall apart. */
function spanningTree(nodes: readonly number[], hop: Hop): number[] {
  const left = new Map(nodes.slice(1).map((node) => [node, hop(nodes[0]!, node)]));
  const edges: number[] = [];
  while (left.size > 0) {
    let [nearest, nearestMs] = [-1, Number.POSITIVE_INFINITY];
    for (const [node, ms] of left) if (nearest < 0 || ms < nearestMs) [nearest, nearestMs] = [node, ms];
    edges.push(nearestMs);
    left.delete(nearest);
    for (const [node, ms] of left) left.set(node, Math.min(ms, hop(nearest, node)));
  }
  return edges;
}

/** Devices joined by links below the threshold, directly or through others. */
function clustersOf(devices: readonly number[], hop: Hop, thresholdMs: number): number[][] {
  const left = new Set(devices);
  const clusters: number[][] = [];
  for (const first of devices) {
    if (!left.delete(first)) continue;
    const cluster = [first];
    for (const member of cluster) {
      for (const other of left) {
        if (thresholdMs !== Number.POSITIVE_INFINITY && !(hop(member, other) < thresholdMs)) continue;
        left.delete(other);
        cluster.push(other);
      }
    }
    clusters.push(cluster);
  }
  return clusters;
}

function boundFor(tables: CostTables, view: LayerView, clusters: number[][], hop: Hop, cap: number): number {
  const savings = clusters.map((cluster) => Math.max(...cluster.map((device) => nearestTwo(device, cluster, hop)[1])));
  const steps = shortestSteps(clusters, savings, hop);
  if (!steps) return 0;
  const costs = clusters.map((cluster) => clusterCosts(tables, view, cluster, hop, cap));
  const open = (busyMs: number, ms: number) => (busyMs <= cap ? ms : Number.POSITIVE_INFINITY);
  const least = (of: (device: number) => number) => clusters.map((cluster) => Math.min(...cluster.map(of)));
  const entries = least((d) => open(tables.entryBusyMs[d]!, tables.entryMs[d]!)).map((ms, c) => ms - savings[c]!);
  const exits = least((d) => open(tables.exitBusyMs[d]!, tables.exitMs[d]! + tables.headMs[d]!));
  const waysMs = cheapestWays(steps, entries, exits);
  const perSet = [nothing(tables.nLayers)];
  let bestMs = Number.POSITIVE_INFINITY;
  for (let set = 1; set < 2 ** clusters.length; set++) {
    perSet.push(joined(perSet, set, costs));
    bestMs = Math.min(bestMs, perSet[set]![tables.nLayers]! + waysMs[set]!);
  }
  return Math.max(0, bestMs) + tables.sourceMs;
}

/**
 * Between clusters, directly or through others, less what a stretch in the cluster that is entered saves by having ends.
 * Null when that would be a gain: the bound says nothing then.
 */
function shortestSteps(clusters: readonly number[][], savings: readonly number[], hop: Hop): number[][] | null {
  const steps = clusters.map((a) =>
    clusters.map((b, to) => (a === b ? 0 : Math.min(...a.map((x) => Math.min(...b.map((y) => hop(x, y))))) - savings[to]!)),
  );
  if (steps.some((row) => row.some((ms) => !(ms >= 0)))) return null;
  for (const via of clusters.keys()) {
    for (const row of steps) for (const to of clusters.keys()) row[to] = Math.min(row[to]!, row[via]! + steps[via]![to]!);
  }
  return steps;
}

/** For every set of clusters the cheapest way from the source through all of them, some perhaps twice, and back, ms. */
function cheapestWays(steps: readonly number[][], entries: readonly number[], exits: readonly number[]): Float64Array {
  const n = steps.length;
  const waysMs = new Float64Array(2 ** n).fill(Number.POSITIVE_INFINITY);
  for (let set = 1; set < 2 ** n; set++) {
    const members = [...steps.keys()].filter((c) => (set & (1 << c)) !== 0);
    const leave = (last: number) => Math.min(...members.map((c) => steps[last]![c]! + exits[c]!));
    const walk = (last: number, left: number): number => {
      if (left === 0) return leave(last);
      const next = members.filter((c) => (left & (1 << c)) !== 0);
      return Math.min(...next.map((c) => steps[last]![c]! + walk(c, left & ~(1 << c))));
    };
    waysMs[set] = Math.min(...members.map((c) => entries[c]! + walk(c, set & ~(1 << c))));
  }
  return waysMs;
}

function nothing(nLayers: number): Float64Array {
  const costs = new Float64Array(nLayers + 1).fill(Number.POSITIVE_INFINITY);
  costs[0] = 0;
  return costs;
}

/** The set without its lowest cluster, and that cluster: the best way to share each number of layers. */
function joined(perSet: readonly Float64Array[], set: number, costs: readonly Float64Array[]): Float64Array {
  const lowest = 31 - Math.clz32(set & -set);
  const [rest, own] = [perSet[set & (set - 1)]!, costs[lowest]!];
  const both = new Float64Array(rest.length).fill(Number.POSITIVE_INFINITY);
  for (let a = 0; a < rest.length; a++) {
    if (rest[a] === Number.POSITIVE_INFINITY) continue;
    // A cluster of the set has at least one layer.
    for (let b = 1; a + b < rest.length; b++) both[a + b] = Math.min(both[a + b]!, rest[a]! + own[b]!);
  }
  return both;
}

/** What so many layers cost within a cluster, ms: stages, fixed costs, and half of every device's two fastest links there. */
function clusterCosts(tables: CostTables, view: LayerView, cluster: readonly number[], hop: Hop, cap: number): Float64Array {
  let costs = nothing(tables.nLayers);
  for (const device of cluster) {
    const [first, second] = nearestTwo(device, cluster, hop);
    const room = Math.max(view.roomLayers[device]!, view.headRoomLayers[device]!);
    const most = layersWithin(cap, tables.overheadMs[device]!, view.layerMs[device]!, room);
    costs = withDevice(costs, tables.overheadMs[device]! + (first + second) / 2, view.layerMs[device]!, most);
  }
  return costs;
}

/** The two fastest links of a device within its cluster, ms; a device that has one uses it twice, one alone has none. */
function nearestTwo(device: number, cluster: readonly number[], hop: Hop): [number, number] {
  let [first, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const other of cluster) {
    if (other === device) continue;
    const ms = hop(device, other);
    if (ms < first) [first, second] = [ms, first];
    else if (ms < second) second = ms;
  }
  if (first === Number.POSITIVE_INFINITY) return [0, 0];
  return second === Number.POSITIVE_INFINITY ? [first, first] : [first, second];
}

function withDevice(before: Float64Array, fixedMs: number, layerMs: number, most: number): Float64Array {
  const after = before.slice();
  for (let layers = 1; layers < before.length; layers++) {
    for (let own = 1; own <= Math.min(most, layers); own++) {
      after[layers] = Math.min(after[layers]!, before[layers - own]! + fixedMs + own * layerMs);
    }
  }
  return after;
}
