import { ClusterBound } from './cluster-bound.ts';
import type { CostTables } from './cost.ts';
import { type Clusters, clustersOf } from './cuts.ts';
import type { PassPlan } from './device-part.ts';
import { passPlan } from './evaluate.ts';
import { type PassAnswer, type PassSolver, SAME } from './frontier.ts';
import { LabelSearch, MAX_LABEL_DEVICES } from './labels.ts';
import type { LayerView } from './layer-view.ts';
import { LocalSearch } from './local-search.ts';
import { Prices } from './prices.ts';
import { cheapestCut } from './split.ts';
import { WalkSearch } from './walks.ts';

/** A probe that need not be exact ends when its plan is this close to its bound. */
const CLOSE_ENOUGH = 0.002;
/** Rounds between two looks for devices that cannot be in a better plan, and between two local searches. */
const WEED_EVERY = 12;
const LOCAL_EVERY = 12;
/** Among so few devices labels cost less than a second bound. */
const FEW = 8;
/** Labels of a layer that go on when any plan is wanted. */
const BEAM_WIDTH = 40;
/** How many times more labels a probe may take that was asked for again. */
const MORE_LABELS = 6;
/** How far up from the bound to the best plan the searches by labels look, one after the other. */
const TARGETS = [0.25, 0.5, 1];

/** Finishes a probe among few devices, exactly. */
export type Finisher = (devices: readonly number[]) => PassSolver;

export interface BoundedOptions {
  isLate(): boolean;
  /** Devices that must take part. */
  required: readonly number[];
  /** True when the answer has to be proven, whatever that takes. */
  isExact: boolean;
  finish: Finisher;
  /** The finisher is asked as soon as so few devices are left. */
  finishBelow: number;
  /** Most devices that the finisher can look at. */
  finishLimit: number;
  /** Rounds after which exact searches are tried anyway. */
  rounds: number;
  /** What each search by labels may take at first. */
  mostLabels: number;
}

/**
 * Short passes among many devices, or with uneven layers. Each round solves a relaxation in which devices may be visited
 * twice (`WalkSearch`), raises the price of those that were and lowers that of those that were not. The best bound tells
 * which devices cannot be in any better plan. Exact searches end the probe: over sets of devices when few are left, else
 * by labels. Walks, improved by local search, give the plans to beat.
 */
export function boundedSolver(
  tables: CostTables,
  view: LayerView,
  candidates: readonly number[],
  options: BoundedOptions,
): PassSolver {
  // Prices and orders carry over from probe to probe: caps that are close have plans that are close.
  const memory: Memory = {
    visits: startPrices(tables, view, candidates),
    cuts: new Map(),
    clusters: new ClusterBound(tables, view),
    order: [],
    asked: new Map(),
  };
  return (capMs, limitMs) => new Probe(tables, view, candidates, { capMs, limitMs }, memory, options).run();
}

interface Memory {
  /** Prices by device. */
  visits: Map<number, number>;
  /** Prices by what they say. */
  cuts: Map<string, number>;
  clusters: ClusterBound;
  order: readonly number[];
  /** How often each cap was asked for, ms. */
  asked: Map<number, number>;
}

/** What a visit is worth when links cost nothing: how much faster a device's layers are than those of the slowest one needed. */
function startPrices(tables: CostTables, view: LayerView, devices: readonly number[]): Map<number, number> {
  const bySpeed = [...devices].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
  let left = tables.nLayers;
  let marginMs = 0;
  for (const device of bySpeed) {
    if (left <= 0) break;
    left -= view.freeLayers[device]!;
    marginMs = view.layerMs[device]!;
  }
  return new Map(devices.map((d) => [d, Math.max(0, marginMs - view.layerMs[d]!) * view.freeLayers[d]!]));
}

class Probe {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  private readonly asked: { capMs: number; limitMs: number };
  private readonly memory: Memory;
  private readonly options: BoundedOptions;
  private readonly local: LocalSearch;
  private readonly clusters: Clusters;
  private readonly prices: Prices;
  private readonly mostLabels: number;
  /** True when a better plan under this cap is worth its time, as no other cap is left to ask for. */
  private readonly isDecisive: boolean;
  private walks: WalkSearch;
  private best: PassPlan | null = null;
  private lowerMs = 0;
  private readonly seen = new Set<string>();

  constructor(
    tables: CostTables,
    view: LayerView,
    devices: readonly number[],
    asked: { capMs: number; limitMs: number },
    memory: Memory,
    options: BoundedOptions,
  ) {
    this.tables = tables;
    this.view = view;
    this.asked = asked;
    this.memory = memory;
    this.options = options;
    const again = memory.asked.get(asked.capMs) ?? 0;
    memory.asked.set(asked.capMs, again + 1);
    this.isDecisive = !options.isExact && (again > 0 || asked.capMs === Number.POSITIVE_INFINITY);
    this.mostLabels = options.mostLabels * MORE_LABELS ** again;
    this.clusters = clustersOf(tables, view, devices, asked.capMs);
    this.walks = new WalkSearch(tables, devices, asked.capMs, this.clusters);
    this.local = new LocalSearch(tables, view, devices, asked.capMs);
    const cuts = this.clusters.cuts.map((cut) => memory.cuts.get(cut.counts.join()) ?? 0);
    const start = Float64Array.from([...devices.map((device) => memory.visits.get(device)!), ...cuts]);
    this.prices = new Prices(start, [...devices.map((device) => options.required.includes(device)), ...cuts.map(() => false)]);
  }

  run(): PassAnswer {
    if (this.local.freeLayers() < this.tables.nLayers) return { plan: null, lowerMs: Number.POSITIVE_INFINITY };
    // Few devices are searched exactly, so a better bound would not shorten their search much.
    const isFew = this.canFinish() || this.walks.devices.length <= FEW;
    if (!isFew) this.lowerMs = this.memory.clusters.boundMs(this.walks.devices, this.asked.capMs);
    if (this.lowerMs >= this.limitMs()) return { plan: null, lowerMs: this.lowerMs };
    if (this.memory.order.length > 0) this.tryOrder(this.memory.order);
    for (let round = 0; round < this.options.rounds && !this.prices.isSettled; round++) {
      if (round > 0 && (this.isClosed() || this.shouldFinish() || this.options.isLate())) break;
      const isReached = this.round(round);
      // Without weeding there is no way at all; after it, none that is better than what is known.
      if (!isReached) return { plan: this.best, lowerMs: this.limitMs() };
    }
    this.remember();
    return this.answer();
  }

  /** Where nothing is possible, prices rise without end: they are no use elsewhere. */
  private remember(): void {
    if (!this.best) return;
    for (const [i, device] of this.walks.devices.entries()) this.memory.visits.set(device, this.prices.best[i]!);
    for (const [c, cut] of this.clusters.cuts.entries()) {
      this.memory.cuts.set(cut.counts.join(), this.prices.best[this.walks.devices.length + c]!);
    }
  }

  /** What a plan must be below to be worth finding, ms. */
  private limitMs(): number {
    return Math.min(this.asked.limitMs, this.best?.passMs ?? Number.POSITIVE_INFINITY);
  }

  private isClosed(): boolean {
    return this.lowerMs >= this.limitMs() * (1 - (this.options.isExact ? SAME : CLOSE_ENOUGH));
  }

  private canFinish(): boolean {
    return this.walks.devices.length <= this.options.finishLimit;
  }

  private shouldFinish(): boolean {
    return this.walks.devices.length <= Math.min(this.options.finishLimit, this.options.finishBelow);
  }

  private answer(): PassAnswer {
    if (!this.isClosed() && this.canFinish()) {
      const limitMs = this.limitMs();
      const exact = this.options.finish(this.walks.devices)(this.asked.capMs, limitMs);
      return { plan: exact.plan ?? this.best, lowerMs: Math.min(exact.lowerMs, limitMs) };
    }
    if (!this.isClosed()) this.searchByLabels();
    return { plan: this.best, lowerMs: Math.min(this.lowerMs, this.limitMs()) };
  }

  /** Raises the bound to where labels find the best plan, or nothing below what is known; as far as that is possible. */
  private searchByLabels(): void {
    while (this.weed());
    if (!this.walks.solve(this.prices.best)) {
      this.lowerMs = this.limitMs();
      return;
    }
    if (this.walks.devices.length > MAX_LABEL_DEVICES) return;
    if (!this.best || this.isDecisive) this.byLabels(this.limitMs(), BEAM_WIDTH);
    for (const target of TARGETS) {
      const limitMs = this.limitMs();
      const targetMs = target === 1 ? limitMs : this.lowerMs + target * (limitMs - this.lowerMs);
      if (targetMs === Number.POSITIVE_INFINITY && target < 1) continue;
      const { isFound, isComplete } = this.byLabels(targetMs, Number.POSITIVE_INFINITY);
      if (!isComplete) return;
      this.lowerMs = isFound ? this.limitMs() : Math.max(this.lowerMs, targetMs);
      if (isFound) return;
    }
  }

  private byLabels(limitMs: number, width: number): { isFound: boolean; isComplete: boolean } {
    const { isLate, required } = this.options;
    const mostLabels = width === BEAM_WIDTH ? Number.POSITIVE_INFINITY : this.mostLabels;
    const labels = new LabelSearch(this.tables, this.walks, this.prices.best, required);
    const { parts, isComplete } = labels.solve(limitMs, { mostLabels, width, isLate });
    const plan = parts && passPlan(this.tables, parts);
    if (plan)
      this.take(
        plan,
        parts.map((part) => part.device),
      );
    return { isFound: plan !== null, isComplete };
  }

  /** @returns false when there is no way through the layers at all. */
  private round(round: number): boolean {
    const walk = this.walks.solve(this.prices.now);
    if (!walk) return false;
    this.lowerMs = Math.max(this.lowerMs, walk.boundMs);
    this.prices.learn(walk.boundMs);
    if (round % LOCAL_EVERY === 0) this.tryOrder([...new Set(walk.visits)].map((i) => this.walks.devices[i]!));
    if (round % WEED_EVERY === WEED_EVERY - 1 && this.weed()) return true;
    const targetMs = Math.min(this.limitMs(), this.prices.bestBoundMs * 1.3 + 1);
    this.prices.move(this.walks.slope(walk.visits), walk.boundMs, targetMs);
    return true;
  }

  private tryOrder(order: readonly number[]): void {
    const key = [...order].sort((a, b) => a - b).join();
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const improved = this.local.improve(order, this.options.isLate);
    const { required } = this.options;
    if (!this.local.isPossible(improved.ms) || (this.view.isEqual && improved.ms >= this.limitMs())) return;
    if (!required.every((device) => improved.order.includes(device))) return;
    const plan = cheapestCut(this.tables, improved.order, this.asked.capMs, new Set(required));
    if (plan) this.take(plan, improved.order);
  }

  private take(plan: PassPlan, order: readonly number[]): void {
    if (plan.passMs >= (this.best?.passMs ?? Number.POSITIVE_INFINITY)) return;
    this.best = plan;
    this.memory.order = order;
  }

  /** Drops devices that no better plan can have. @returns whether there were any. */
  private weed(): boolean {
    const limitMs = this.limitMs() * (1 - SAME);
    if (limitMs === Number.POSITIVE_INFINITY) return false;
    const { devices } = this.walks;
    const { best } = this.prices;
    const bounds = this.walks.solve(best) ? this.walks.boundsWith(best) : devices.map(() => Number.POSITIVE_INFINITY);
    const kept = [...devices.keys()].filter((i) => bounds[i]! < limitMs);
    if (kept.length === devices.length) return false;
    this.prices.keep([...kept, ...this.clusters.cuts.map((_, c) => devices.length + c)]);
    this.walks = new WalkSearch(
      this.tables,
      kept.map((i) => devices[i]!),
      this.asked.capMs,
      this.clusters,
    );
    return true;
  }
}
