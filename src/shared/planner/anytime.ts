import type { CostTables } from './cost.ts';
import type { PassAnswer, PassSolver } from './frontier.ts';
import type { LayerView } from './layer-view.ts';
import { LocalSearch } from './local-search.ts';
import type { PassPlan } from './part.ts';
import { cheapestCut } from './split.ts';
import { WalkSearch } from './walks.ts';

/** A probe ends when its plan is this close to its bound. */
const CLOSE_ENOUGH = 0.002;
const MAX_ROUNDS = 400;
/** Rounds without a better bound, after which the prices move half as far. */
const PATIENCE = 8;
const FIRST_STEP = 1;
const LAST_STEP = 0.01;

export interface AnytimeOptions {
  isLate(): boolean;
  /** An order to start from, such as a plan in use. */
  order?: readonly number[];
}

/**
 * Short passes for any number of devices, with a bound on what the shortest could be. Each round solves a relaxation in
 * which devices may be visited twice (`WalkSearch`), raises the price of those that were and lowers that of those that
 * were not (Held and Karp's subgradient method, Math. Programming 1, 1971), and improves the walk's own order by
 * local search.
 */
export function anytimeSolver(
  tables: CostTables,
  view: LayerView,
  candidates: readonly number[],
  options: AnytimeOptions,
): PassSolver {
  // Prices and orders carry over from probe to probe: caps that are close have plans that are close.
  const memory = { priceMs: startPrices(tables, view, candidates), order: options.order ?? [] };
  return (capMs, limitMs) => new Probe(tables, view, candidates, capMs, limitMs, memory, options.isLate).run();
}

interface Memory {
  priceMs: Float64Array;
  order: readonly number[];
}

/** What a visit is worth when links cost nothing: how much faster a device's layers are than those of the slowest one needed. */
function startPrices(tables: CostTables, view: LayerView, devices: readonly number[]): Float64Array {
  const bySpeed = [...devices].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
  let left = tables.nLayers;
  let marginMs = 0;
  for (const device of bySpeed) {
    if (left <= 0) break;
    left -= view.roomLayers[device]!;
    marginMs = view.layerMs[device]!;
  }
  return Float64Array.from(devices, (d) => Math.max(0, marginMs - view.layerMs[d]!) * view.roomLayers[d]!);
}

class Probe {
  private readonly tables: CostTables;
  private readonly devices: readonly number[];
  private readonly capMs: number;
  private readonly limitMs: number;
  private readonly memory: Memory;
  private readonly isLate: () => boolean;
  private readonly walks: WalkSearch;
  private readonly local: LocalSearch;
  private best: PassPlan | null = null;
  private lowerMs = 0;
  private readonly seen = new Set<string>();

  constructor(
    tables: CostTables,
    view: LayerView,
    devices: readonly number[],
    capMs: number,
    limitMs: number,
    memory: Memory,
    isLate: () => boolean,
  ) {
    this.tables = tables;
    this.devices = devices;
    this.capMs = capMs;
    this.limitMs = limitMs;
    this.memory = memory;
    this.isLate = isLate;
    this.walks = new WalkSearch(tables, devices, capMs);
    this.local = new LocalSearch(tables, view, devices, capMs);
  }

  run(): PassAnswer {
    if (this.local.roomLayers() < this.tables.nLayers) return { plan: null, lowerMs: Number.POSITIVE_INFINITY };
    if (this.memory.order.length > 0) this.tryOrder(this.memory.order);
    let priceMs = this.memory.priceMs;
    let step = FIRST_STEP;
    let stale = 0;
    for (let round = 0; round < MAX_ROUNDS && step > LAST_STEP && !this.isDone(round); round++) {
      const walk = this.walks.solve(priceMs);
      if (!walk) return { plan: this.best, lowerMs: Number.POSITIVE_INFINITY };
      if (walk.boundMs > this.lowerMs) {
        this.lowerMs = walk.boundMs;
        this.memory.priceMs = priceMs;
        stale = 0;
      } else if (++stale >= PATIENCE) {
        stale = 0;
        step /= 2;
      }
      this.tryOrder([...new Set(walk.devices)].map((i) => this.devices[i]!));
      priceMs = this.nextPrices(priceMs, walk.devices, walk.boundMs, step);
    }
    return { plan: this.best, lowerMs: this.lowerMs };
  }

  private isDone(round: number): boolean {
    const bestMs = this.best?.passMs ?? Number.POSITIVE_INFINITY;
    return this.lowerMs >= this.limitMs || this.lowerMs >= bestMs * (1 - CLOSE_ENOUGH) || (round > 0 && this.isLate());
  }

  private tryOrder(order: readonly number[]): void {
    const key = [...order].sort((a, b) => a - b).join();
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const improved = this.local.improve(order, this.isLate);
    if (!this.local.isPossible(improved.ms) || improved.ms >= (this.best?.passMs ?? Number.POSITIVE_INFINITY)) return;
    const plan = cheapestCut(this.tables, improved.order, this.capMs);
    if (!plan || plan.passMs >= (this.best?.passMs ?? Number.POSITIVE_INFINITY)) return;
    this.best = plan;
    this.memory.order = improved.order;
  }

  private nextPrices(priceMs: Float64Array, visited: readonly number[], boundMs: number, step: number): Float64Array {
    const slope = new Float64Array(this.devices.length).fill(-1);
    for (const i of visited) slope[i]! += 1;
    for (let i = 0; i < slope.length; i++) if (slope[i]! < 0 && priceMs[i]! <= 0) slope[i] = 0;
    const norm = slope.reduce((sum, one) => sum + one * one, 0);
    if (norm === 0) return priceMs;
    const targetMs = Math.min(this.best?.passMs ?? this.lowerMs * 1.1, this.limitMs, this.lowerMs * 1.5 + 1);
    const length = (step * Math.max(targetMs - boundMs, 0.001 * this.lowerMs)) / norm;
    return priceMs.map((ms, i) => Math.max(0, ms + length * slope[i]!));
  }
}
