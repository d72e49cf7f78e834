import type { PassPlan } from './device-part.ts';
import { type Goal, goalMs, passLimitMs } from './objective.ts';

/** The cheapest pass with nothing busy for longer than `capMs`; answers that take `limitMs` or more may be left out. */
export type PassSolver = (capMs: number, limitMs: number) => PassAnswer;

export interface PassAnswer {
  plan: PassPlan | null;
  /** No plan under the cap has a pass below this; `limitMs` or Infinity when there is none worth telling. */
  lowerMs: number;
}

export interface Found {
  best: PassPlan | null;
  valueMs: number;
  /** No plan is below this; equal to `valueMs` when the best one is proven. */
  lowerMs: number;
}

/** Relative difference below which two times are the same. */
export const SAME = 1e-9;

/** How often a solver that is not exact is asked the same again. */
const MAX_PROBES = 5;

/** Bottlenecks values[first..last], where no pass is below `lowerMs`; `probes` counts those of the last one's cap. */
interface Interval {
  first: number;
  last: number;
  lowerMs: number;
  probes: number;
}

/**
 * Makes a goal of pass and bottleneck small by asking for the cheapest pass under caps on the bottleneck. The cheapest
 * pass falls as the cap rises, so one probe bounds every lower cap too: intervals of caps are cut in halves, the most
 * promising first, until none can hold anything better. With a solver that is exact, so is the answer.
 *
 * @param busyMs every value that a plan's bottleneck may have.
 * @param isLate ends the search early; the answer then has the bound reached.
 */
export function searchFrontier(
  goal: Goal,
  busyMs: readonly number[],
  solve: PassSolver,
  start: PassPlan | null = null,
  isLate: () => boolean = () => false,
): Found {
  const search = new FrontierSearch(goal, busyMs, solve, start);
  return search.run(isLate);
}

class FrontierSearch {
  private readonly goal: Goal;
  private readonly values: readonly number[];
  private readonly solve: PassSolver;
  private open: Interval[];
  private best: PassPlan | null;
  private bestMs: number;

  constructor(goal: Goal, busyMs: readonly number[], solve: PassSolver, start: PassPlan | null) {
    this.goal = goal;
    this.values = goal.kind === 'latency' ? [Number.POSITIVE_INFINITY] : distinct(busyMs);
    this.solve = solve;
    this.best = start;
    this.bestMs = start ? goalMs(goal, start.passMs, start.bottleneckMs) : Number.POSITIVE_INFINITY;
    this.open = this.values.length > 0 ? [{ first: 0, last: this.values.length - 1, lowerMs: 0, probes: 0 }] : [];
  }

  run(isLate: () => boolean): Found {
    let probes = 0;
    for (;;) {
      const next = this.mostPromising();
      const lowerMs = next ? this.boundMs(next) : Number.POSITIVE_INFINITY;
      if (!next || !(lowerMs < this.bestMs * (1 - SAME))) return this.answer(this.bestMs);
      const isStuck = next.probes >= MAX_PROBES && next.first === next.last;
      if (isStuck || (probes > 0 && isLate())) return this.answer(lowerMs);
      this.open.splice(this.open.indexOf(next), 1);
      if (next.probes > 0 && next.first < next.last) this.halve(next);
      else this.probe(next);
      probes++;
    }
  }

  private answer(lowerMs: number): Found {
    return { best: this.best, valueMs: this.bestMs, lowerMs: Math.min(lowerMs, this.bestMs) };
  }

  private boundMs({ first, lowerMs }: Interval): number {
    // Latency has one cap, infinity, which says nothing about the bottleneck.
    return this.goal.kind === 'latency' ? lowerMs : goalMs(this.goal, lowerMs, this.values[first]!);
  }

  private mostPromising(): Interval | undefined {
    if (this.open.length < 2) return this.open[0];
    return this.open.reduce((a, b) => (this.boundMs(b) < this.boundMs(a) ? b : a));
  }

  private halve({ first, last, lowerMs, probes }: Interval): void {
    const middle = (first + last) >> 1;
    this.open.push({ first, last: middle, lowerMs, probes: 0 });
    this.open.push({ first: middle + 1, last, lowerMs, probes });
  }

  private probe({ first, last, lowerMs, probes }: Interval): void {
    const limitMs = passLimitMs(this.goal, this.bestMs, this.goal.kind === 'latency' ? 0 : this.values[first]!);
    const answer = this.solve(this.values[last]!, limitMs);
    if (answer.plan) this.take(answer.plan);
    const rest: Interval = { first, last, lowerMs: Math.max(lowerMs, answer.lowerMs), probes: probes + 1 };
    // Caps that the pass alone keeps from being better are no better than the highest of them, which allows the most.
    while (rest.first < rest.last && this.isSameAtNext(rest)) rest.first++;
    while (rest.last >= rest.first && !(this.boundMs({ ...rest, first: rest.last }) < this.bestMs * (1 - SAME))) rest.last--;
    if (rest.last < rest.first) return;
    // A single cap below the one asked for has not been asked itself.
    this.open.push(rest.last < last && rest.last === rest.first ? { ...rest, probes: 0 } : rest);
  }

  private isSameAtNext({ first, lowerMs }: Interval): boolean {
    return goalMs(this.goal, lowerMs, this.values[first + 1]!) <= goalMs(this.goal, lowerMs, this.values[first]!);
  }

  private take(plan: PassPlan): void {
    const ms = goalMs(this.goal, plan.passMs, plan.bottleneckMs);
    const isBetter = ms < this.bestMs * (1 - SAME) || (this.best !== null && ms <= this.bestMs && plan.passMs < this.best.passMs);
    if (!isBetter && this.best) return;
    this.best = plan;
    this.bestMs = ms;
  }
}

function distinct(values: readonly number[]): number[] {
  const sorted = values.filter((ms) => Number.isFinite(ms)).sort((a, b) => a - b);
  return sorted.filter((ms, i) => i === 0 || ms > sorted[i - 1]! * (1 + SAME));
}
