import type { LeftOut } from '../model/plan.ts';
import type { LeftOutReason, Loss, Slowness } from '../model/plan-reasons.ts';
import { isUsable, shardBytes } from './cost.ts';
import type { Part } from './device-part.ts';
import { passCost } from './evaluate.ts';
import { goalMs } from './objective.ts';
import type { PlanningDevice, PlanningProblem } from './problem.ts';
import { isExact, type Solution, type SolveOptions, solve } from './solve.ts';
import type { Setting } from './solver-setting.ts';
import { splitAlong } from './split.ts';

/** How long all reasons together may take to compute exactly; then a device is tried in the plan's own order only, ms. */
const REASONS_BUDGET_MS = 300;
/** How many places in the plan's own order a device is tried in. */
const PLACES_TRIED = 3;

/**
 * Why each device that lends memory is not in the plan: what the best plan with it forced in would cost more.
 *
 * @param asked with the unusable devices too, which get a reason of their own.
 */
export function reasonsLeftOut(asked: PlanningProblem, setting: Setting, solution: Solution, options: SolveOptions): LeftOut[] {
  const now = options.now ?? Date.now;
  const endMs = now() + REASONS_BUDGET_MS;
  const used = new Set(solution.parts.map((part) => setting.tables.peerIds[part.device]));
  const others = asked.devices.filter((device) => !used.has(device.peerId));
  return others.map((device) => {
    const isThorough = isExact(setting.tables) && now() < endMs;
    return { peerId: device.peerId, reason: reasonFor(setting, solution, device, isThorough) };
  });
}

function reasonFor(setting: Setting, solution: Solution, device: PlanningDevice, isThorough: boolean): LeftOutReason {
  const { tables } = setting;
  if (!isUsable(device)) return { code: 'unusable' };
  const index = tables.peerIds.indexOf(device.peerId);
  const leastBytes = Math.min(...tables.bytesBefore.slice(1).map((_, layer) => shardBytes(tables, layer, layer + 1, false)));
  if (tables.freeBytes[index]! < leastBytes) {
    return { code: 'too-small', lendsBytes: Math.max(0, tables.freeBytes[index]!), layerBytes: leastBytes };
  }
  const forced = isThorough ? solve(tables, setting.goal, { required: [index] })?.parts : insertedBest(setting, solution, index);
  return forced ? costOf(setting, solution, forced, index, isThorough) : { code: 'unlinked' };
}

/** The plan's own order with the device put in where the way to it and on is shortest; null when it fits nowhere. */
function insertedBest({ tables, goal }: Setting, solution: Solution, device: number): Part[] | null {
  const order = solution.parts.map((part) => part.device);
  const detourMs = (at: number) => {
    const [before, after] = [order[at - 1], order[at]];
    const there = before === undefined ? tables.entryMs[device]! : tables.hopMs[before]![device]!;
    return there + (after === undefined ? tables.exitMs[device]! : tables.hopMs[device]![after]!);
  };
  const places = [...order.keys(), order.length].sort((a, b) => detourMs(a) - detourMs(b));
  for (const at of places.slice(0, PLACES_TRIED)) {
    const plan = splitAlong(tables, [...order.slice(0, at), device, ...order.slice(at)], goal, new Set([device]));
    if (plan) return plan.parts;
  }
  return null;
}

function costOf(setting: Setting, solution: Solution, forced: Part[], device: number, isThorough: boolean): LeftOutReason {
  const { tables, goal } = setting;
  const cost = passCost(tables, forced)!;
  const moreMs = goalMs(goal, cost.passMs, cost.bottleneckMs) - solution.valueMs;
  const slowness = slownessOf(setting, forced, device);
  if (moreMs <= 1e-6 * solution.valueMs) return { code: 'no-faster', slowness };
  return { code: 'costs', loss: lossOf(setting, solution.valueMs, moreMs), isGuess: !isThorough, slowness };
}

function lossOf({ goal }: Setting, valueMs: number, moreMs: number): Loss {
  if (goal.kind !== 'throughput') return { objective: goal.kind, moreMs };
  const tokensPerSecond = 1000 / valueMs;
  return { objective: goal.kind, tokensPerSecond, lostPerSecond: tokensPerSecond - 1000 / (valueMs + moreMs) };
}

/** What is slowest about the device where the forced plan has it. */
function slownessOf(setting: Setting, forced: readonly Part[], device: number): Slowness {
  const { tables } = setting;
  const at = forced.findIndex((part) => part.device === device);
  const cost = passCost(tables, forced)!;
  const linksMs = cost.linkMs[at]! + cost.linkMs[at + 1]!;
  if (linksMs >= cost.stageMs[at]!) return linkSlowness(setting, forced, at, cost.linkMs);
  const layers = forced[at]!.endLayer - forced[at]!.startLayer;
  const overheadMs = cost.overheadMs[at]!;
  if (overheadMs > cost.stageMs[at]! / 2) return { code: 'overhead', overheadMs };
  return { code: 'layers', layerMs: Math.max(0, cost.stageMs[at]! - overheadMs) / layers, linksMs };
}

function linkSlowness(
  { problem, sources, tables }: Setting,
  forced: readonly Part[],
  at: number,
  linkMs: readonly number[],
): Slowness {
  const self = tables.peerIds[forced[at]!.device]!;
  const isBefore = linkMs[at]! >= linkMs[at + 1]!;
  const neighbour = forced[isBefore ? at - 1 : at + 1];
  const others = neighbour ? [tables.peerIds[neighbour.device]!] : sources;
  const links = problem.links.filter(({ a, b }) => (a === self && others.includes(b)) || (b === self && others.includes(a)));
  const slowest = links.sort((a, b) => a.linkMbps - b.linkMbps)[0];
  const linksMs = linkMs[isBefore ? at : at + 1]!;
  if (!slowest) return { code: 'links', linksMs };
  const { linkMbps, rttMs } = slowest;
  const to = slowest.a === self ? slowest.b : slowest.a;
  const isFar = rttMs / 2 > linksMs / 2;
  return isFar ? { code: 'far-link', to, rttMs } : { code: 'slow-link', to, linkMbps };
}
