import { Charges } from './charges.ts';
import type { CostTables } from './cost.ts';
import { type Clusters, clustersOf, oneCluster } from './cuts.ts';
import { SAME } from './frontier.ts';
import type { LayerView } from './layer-view.ts';

/** Rounds in which potentials move: at first, and with those that were found for another cap. */
const ROUNDS = { first: 36, later: 16 };
/** How much less they move each time. */
const SLOWER = 0.95;
/** Part of the bound that is aimed for above it. */
const AIM = 0.03;

/**
 * A bound from below on any pass, from where devices are: devices with fast links to each other make a cluster, such as
 * a home. A pass goes from the source through its clusters and back, over the fastest links between them at best, and
 * within each cluster every device pays half of its two fastest links there, less what the ends of a stretch save. Layers
 * are given to devices by dynamic programming (a knapsack with fixed charges), so nobody is used twice: this is strong just
 * where `WalkSearch`, which may come back to the good devices of one home, is weak. Potentials, which make links to
 * devices cheaper that others lean on and those devices dearer, are moved along the subgradient; those found for one cap
 * are good for the next.
 */
export class ClusterBound {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  /** By number of clusters, then by device. */
  private readonly potentials = new Map<number, Float64Array>();
  /** Whether it helps to tell clusters apart; unknown before the first bound. */
  private isApart: boolean | null = null;

  constructor(tables: CostTables, view: LayerView) {
    this.tables = tables;
    this.view = view;
  }

  /**
   * @param capMs nothing may be busy for longer.
   * @returns no pass is below this, ms; Infinity when the layers have no space.
   */
  boundMs(devices: readonly number[], capMs: number): number {
    const apart = clustersOf(this.tables, this.view, devices, capMs);
    const together = oneCluster(apart);
    if (apart.count === 1) return this.risen(devices, apart, capMs);
    if (this.isApart !== null) return this.risen(devices, this.isApart ? apart : together, capMs);
    const [apartMs, togetherMs] = [this.risen(devices, apart, capMs), this.risen(devices, together, capMs)];
    this.isApart = apartMs > togetherMs;
    return Math.max(apartMs, togetherMs);
  }

  private risen(devices: readonly number[], clusters: Clusters, capMs: number): number {
    const known = this.potentials.get(clusters.count);
    const charges = new Charges(this.tables, this.view, devices, clusters, capMs * (1 + SAME));
    const now = known ? known.slice() : new Float64Array(this.tables.peerIds.length);
    let bestMs = 0;
    let step = known ? 0.5 : 1;
    for (let round = 0; round < (known ? ROUNDS.later : ROUNDS.first); round++, step *= SLOWER) {
      const { ms, slope } = charges.bound(now);
      if (ms === Number.POSITIVE_INFINITY) return ms;
      if (ms > bestMs) this.potentials.set(clusters.count, now.slice());
      bestMs = Math.max(bestMs, ms);
      const norm = slope.reduce((sum, one) => sum + one * one, 0);
      if (norm === 0) break;
      const length = (step * (bestMs * (1 + AIM) - ms)) / norm;
      for (const device of devices) now[device]! += length * slope[device]!;
    }
    return bestMs;
  }
}
