import type { CostTables } from './cost.ts';
import { SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** Something that every chain does at least so often, counted over its links. */
export interface Cut {
  least: number;
  /** (clusters + 1, clusters): how often a link from one cluster to another counts; the last row is for links from the sources. */
  counts: readonly (readonly number[])[];
}

/** Devices with fast links to each other, such as those of a home, and what their memory says of links between them. */
export interface Clusters {
  count: number;
  /** By device. */
  of: Int32Array;
  cuts: Cut[];
}

/** Sets of clusters are few enough to look at each. */
const MAX_CLUSTERS = 5;
/** Links between clusters are at least so much slower than those that hold one together. */
const LEAST_JUMP = 1.2;
const SOURCES = -1;

/**
 * Devices joined by links that are clearly faster than those to others, and how often chains must at least change from
 * one such cluster to another: walks that may come back to the good devices of one home would not.
 */
export function clustersOf(tables: CostTables, view: LayerView, devices: readonly number[], capMs: number): Clusters {
  const hop = (a: number, b: number) => Math.min(tables.hopMs[a]![b]!, tables.hopMs[b]![a]!);
  const groups = groupsOf(devices, hop, clearestThreshold(devices, hop));
  const of = new Int32Array(tables.peerIds.length);
  for (const [cluster, group] of groups.entries()) for (const device of group) of[device] = cluster;
  const layers = groups.map((group) => group.reduce((sum, device) => sum + mostLayers(tables, view, device, capMs), 0));
  return { count: groups.length, of, cuts: cutsOf(tables.nLayers, layers) };
}

/** The same devices as if they were all in one place. */
export function oneCluster({ of }: Clusters): Clusters {
  return { count: 1, of: new Int32Array(of.length), cuts: [] };
}

function mostLayers(tables: CostTables, view: LayerView, device: number, capMs: number): number {
  const most = Math.max(view.freeLayers[device]!, view.freeLayersWithHead[device]!);
  return layersWithin(capMs * (1 + SAME), tables.overheadMs[device]!, view.layerMs[device]!, most);
}

function cutsOf(nLayers: number, layers: readonly number[]): Cut[] {
  const all = [...layers.keys()];
  const counted = (counts: (from: number, to: number) => boolean) =>
    [...all, SOURCES].map((from) => all.map((to) => (counts(from, to) ? 1 : 0)));
  const cuts: Cut[] = [];
  for (let set = 1; set < 2 ** layers.length - 1; set++) {
    const isIn = (cluster: number) => cluster !== SOURCES && ((set >>> cluster) & 1) === 1;
    const outside = layers.reduce((sum, one, cluster) => sum + (isIn(cluster) ? 0 : one), 0);
    // The others have no space for all layers.
    if (outside < nLayers) cuts.push({ least: 1, counts: counted((from, to) => isIn(to) && !isIn(from)) });
  }
  const needed = clustersNeeded(nLayers, layers);
  if (needed > 1) cuts.push({ least: needed - 1, counts: counted((from, to) => from !== SOURCES && from !== to) });
  return cuts;
}

function clustersNeeded(nLayers: number, layers: readonly number[]): number {
  const most = [...layers].sort((a, b) => b - a);
  let [needed, left] = [0, nLayers];
  for (; left > 0 && needed < most.length; needed++) left -= most[needed]!;
  return needed;
}

type Hop = (a: number, b: number) => number;

/** Where the fastest links to others are far apart, clusters end: the largest jump in the links of a spanning tree. */
function clearestThreshold(devices: readonly number[], hop: Hop): number {
  const edges = spanningTree(devices, hop).sort((a, b) => a - b);
  let best = { ms: Number.POSITIVE_INFINITY, factor: LEAST_JUMP };
  for (let i = Math.max(1, edges.length - MAX_CLUSTERS + 1); i < edges.length; i++) {
    const factor = edges[i]! / Math.max(edges[i - 1]!, SAME);
    if (factor > best.factor) best = { ms: edges[i]!, factor };
  }
  return best.ms;
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
function groupsOf(devices: readonly number[], hop: Hop, thresholdMs: number): number[][] {
  const left = new Set(devices);
  const groups: number[][] = [];
  for (const first of devices) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const member of group) {
      for (const other of left) {
        if (thresholdMs !== Number.POSITIVE_INFINITY && !(hop(member, other) < thresholdMs)) continue;
        left.delete(other);
        group.push(other);
      }
    }
    groups.push(group);
  }
  return groups;
}
