import { clusterBound } from './cluster-bound.ts';
import type { CostTables } from './cost.ts';
import { type PassAnswer, type PassSolver, SAME } from './frontier.ts';
import type { LayerView } from './layer-view.ts';
import { LocalSearch } from './local-search.ts';
import type { PassPlan } from './part.ts';
import { cheapestCut } from './split.ts';
import { WalkSearch } from './walks.ts';

/** A probe that cannot be finished exactly ends when its plan is this close to its bound. */
const CLOSE_ENOUGH = 0.002;
/** Rounds without a better bound, after which prices go back to their best and move by less. */
const PATIENCE = 8;
const SLOWER = 1.5;
const LAST_STEP = 0.05;
/** Rounds between two looks for devices that cannot be in a better plan, and between two local searches. */
const WEED_EVERY = 12;
const LOCAL_EVERY = 24;

/** Finishes a probe among few devices, exactly. */
export type Finisher = (devices: readonly number[]) => PassSolver;

export interface BoundedOptions {
  isLate(): boolean;
  finish: Finisher;
  /** The finisher is asked as soon as so few devices are left. */
  finishBelow: number;
  /** Rounds after which it is asked anyway, if it can be; else the probe ends. */
  rounds: number;
  /** Most devices that the finisher can look at. */
  finishLimit: number;
}

/**
 * Short passes among many devices. Each round solves a relaxation in which devices may be visited twice (`WalkSearch`),
 * raises the price of those that were and lowers that of those that were not (Held and Karp's subgradient method, Math.
 * Programming 1, 1971). The best bound tells which devices cannot be in any better plan; when few are left, an exact
 * search among them ends the probe. Walks, improved by local search, give the plans to beat.
 */
export function boundedSolver(
  tables: CostTables,
  view: LayerView,
  candidates: readonly number[],
  options: BoundedOptions,
): PassSolver {
  // Prices and orders carry over from probe to probe: caps that are close have plans that are close.
  const memory: Memory = { prices: startPrices(tables, view, candidates), order: [] };
  return (capMs, limitMs) => new Probe(tables, view, candidates, { capMs, limitMs }, memory, options).run();
}

interface Memory {
  /** By device. */
  prices: Map<number, number>;
  order: readonly number[];
}

/** What a visit is worth when links cost nothing: how much faster a device's layers are than those of the slowest one needed. */
function startPrices(tables: CostTables, view: LayerView, devices: readonly number[]): Map<number, number> {
  const bySpeed = [...devices].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
  let left = tables.nLayers;
  let marginMs = 0;
  for (const device of bySpeed) {
    if (left <= 0) break;
    left -= view.roomLayers[device]!;
    marginMs = view.layerMs[device]!;
  }
  return new Map(devices.map((d) => [d, Math.max(0, marginMs - view.layerMs[d]!) * view.roomLayers[d]!]));
}

class Probe {
  private readonly tables: CostTables;
  private readonly view: LayerView;
  private readonly asked: { capMs: number; limitMs: number };
  private readonly memory: Memory;
  private readonly options: BoundedOptions;
  private readonly local: LocalSearch;
  private walks: WalkSearch;
  private prices: Float64Array;
  private bestPrices: Float64Array;
  private step = 1;
  private stale = 0;
  private best: PassPlan | null = null;
  private lowerMs = 0;
  /** The best bound by walks alone: what the prices are moved for. */
  private walkMs = 0;
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
    this.walks = new WalkSearch(tables, devices, asked.capMs);
    this.local = new LocalSearch(tables, view, devices, asked.capMs);
    this.prices = Float64Array.from(devices, (device) => memory.prices.get(device)!);
    this.bestPrices = this.prices;
  }

  run(): PassAnswer {
    if (this.local.roomLayers() < this.tables.nLayers) return { plan: null, lowerMs: Number.POSITIVE_INFINITY };
    // Few devices are searched exactly, so a better bound would not shorten their search much.
    if (!this.canFinish()) this.lowerMs = clusterBound(this.tables, this.view, this.walks.devices, this.asked.capMs);
    if (this.lowerMs >= this.limitMs()) return { plan: null, lowerMs: this.lowerMs };
    if (this.memory.order.length > 0) this.tryOrder(this.memory.order);
    for (let round = 0; round < this.options.rounds && this.step > LAST_STEP; round++) {
      if (round > 0 && (this.isClosed() || this.shouldFinish() || this.options.isLate())) break;
      const isReached = this.round(round);
      // Without weeding there is no way at all; after it, none that is better than what is known.
      if (!isReached) return { plan: this.best, lowerMs: this.limitMs() };
    }
    // Where nothing is possible, prices rise without end: they are no use elsewhere.
    if (this.best) for (const [i, device] of this.walks.devices.entries()) this.memory.prices.set(device, this.bestPrices[i]!);
    return this.answer();
  }

  /** What a plan must be below to be worth finding, ms. */
  private limitMs(): number {
    return Math.min(this.asked.limitMs, this.best?.passMs ?? Number.POSITIVE_INFINITY);
  }

  private isClosed(): boolean {
    const tolerance = this.canFinish() ? SAME : CLOSE_ENOUGH;
    return this.lowerMs >= this.limitMs() * (1 - tolerance);
  }

  private canFinish(): boolean {
    return this.walks.devices.length <= this.options.finishLimit;
  }

  private shouldFinish(): boolean {
    return this.canFinish() && this.walks.devices.length <= this.options.finishBelow;
  }

  private answer(): PassAnswer {
    const limitMs = this.limitMs();
    if (this.isClosed() || !this.canFinish()) return { plan: this.best, lowerMs: Math.min(this.lowerMs, limitMs) };
    const exact = this.options.finish(this.walks.devices)(this.asked.capMs, limitMs);
    return { plan: exact.plan ?? this.best, lowerMs: Math.min(exact.lowerMs, limitMs) };
  }

  /** @returns false when there is no way through the layers at all. */
  private round(round: number): boolean {
    const walk = this.walks.solve(this.prices);
    if (!walk) return false;
    this.learn(walk.boundMs);
    if (round % LOCAL_EVERY === 0) this.tryOrder([...new Set(walk.visits)].map((i) => this.walks.devices[i]!));
    if (round % WEED_EVERY === WEED_EVERY - 1 && this.weed()) return true;
    this.prices = this.nextPrices(walk.visits, walk.boundMs);
    return true;
  }

  private learn(boundMs: number): void {
    this.lowerMs = Math.max(this.lowerMs, boundMs);
    if (boundMs > this.walkMs) {
      this.walkMs = boundMs;
      this.bestPrices = this.prices;
      this.stale = 0;
    } else if (++this.stale >= PATIENCE) {
      this.stale = 0;
      this.step /= SLOWER;
      this.prices = this.bestPrices;
    }
  }

  private tryOrder(order: readonly number[]): void {
    const key = [...order].sort((a, b) => a - b).join();
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const improved = this.local.improve(order, this.options.isLate);
    if (!this.local.isPossible(improved.ms) || (this.view.isEqual && improved.ms >= this.limitMs())) return;
    const plan = cheapestCut(this.tables, improved.order, this.asked.capMs);
    if (!plan || plan.passMs >= (this.best?.passMs ?? Number.POSITIVE_INFINITY)) return;
    this.best = plan;
    this.memory.order = improved.order;
  }

  /** Drops devices that no better plan can have. @returns whether there were any. */
  private weed(): boolean {
    const limitMs = this.limitMs() * (1 - SAME);
    if (limitMs === Number.POSITIVE_INFINITY) return false;
    const walk = this.walks.solve(this.bestPrices);
    const bounds = walk ? this.walks.boundsWith(this.bestPrices) : this.bestPrices.map(() => Number.POSITIVE_INFINITY);
    const kept = [...this.walks.devices.keys()].filter((i) => bounds[i]! < limitMs);
    if (kept.length === this.walks.devices.length) return false;
    const devices = kept.map((i) => this.walks.devices[i]!);
    this.bestPrices = Float64Array.from(kept, (i) => this.bestPrices[i]!);
    this.prices = this.bestPrices;
    this.walks = new WalkSearch(this.tables, devices, this.asked.capMs);
    return true;
  }

  private nextPrices(visits: readonly number[], boundMs: number): Float64Array {
    const slope = new Float64Array(this.prices.length).fill(-1);
    for (const i of visits) slope[i]! += 1;
    for (let i = 0; i < slope.length; i++) if (slope[i]! < 0 && this.prices[i]! <= 0) slope[i] = 0;
    const norm = slope.reduce((sum, one) => sum + one * one, 0);
    if (norm === 0) return this.prices;
    const targetMs = Math.min(this.limitMs(), this.walkMs * 1.3 + 1);
    const length = (this.step * Math.max(targetMs - boundMs, 0)) / norm;
    return this.prices.map((ms, i) => Math.max(0, ms + length * slope[i]!));
  }
}
