import type { LeftOut } from '../model/plan.ts';
import { isUsable, shardBytes } from './cost.ts';
import { deviceName } from './device-name.ts';
import { passCost } from './evaluate.ts';
import { formatMs } from './format-ms.ts';
import { goalMs } from './goal.ts';
import type { Part } from './part.ts';
import type { PlanningDevice, PlanningProblem } from './problem.ts';
import type { Setting } from './setting.ts';
import { isExact, type Solution, type SolveOptions, solve } from './solve.ts';
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

function reasonFor(setting: Setting, solution: Solution, { peerId, ...device }: PlanningDevice, isThorough: boolean): string {
  const { tables } = setting;
  if (!isUsable({ peerId, ...device })) return 'what it measured of itself cannot be computed with.';
  const index = tables.peerIds.indexOf(peerId);
  const leastBytes = Math.min(...tables.bytesBefore.slice(1).map((_, layer) => shardBytes(tables, layer, layer + 1, false)));
  if (tables.roomBytes[index]! < leastBytes) {
    return `it lends ${formatBytes(Math.max(0, tables.roomBytes[index]!))} for layers, one layer needs ${formatBytes(leastBytes)}.`;
  }
  const forced = isThorough ? solve(tables, setting.goal, { required: [index] })?.parts : insertedBest(setting, solution, index);
  return forced
    ? costOf(setting, solution, forced, index, isThorough)
    : 'no chain of linked devices with room for the model passes it.';
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

function costOf(setting: Setting, solution: Solution, forced: Part[], device: number, isThorough: boolean): string {
  const { tables, goal } = setting;
  const cost = passCost(tables, forced)!;
  const moreMs = goalMs(goal, cost.passMs, cost.bottleneckMs) - solution.valueMs;
  const about = isThorough ? '' : 'about ';
  if (moreMs <= 1e-6 * solution.valueMs) return `the plan would be no faster with it: ${causeOf(setting, forced, device)}.`;
  return `adding ${deviceName(setting.problem, tables.peerIds[device]!)} would cost ${about}${lossWords(setting, solution.valueMs, moreMs)}: ${causeOf(setting, forced, device)}.`;
}

function lossWords({ goal }: Setting, valueMs: number, moreMs: number): string {
  if (goal.kind === 'latency') return `${formatMs(moreMs)} more per token`;
  if (goal.kind === 'first-token') return `${formatMs(moreMs)} more until the first token`;
  return `${(1000 / valueMs - 1000 / (valueMs + moreMs)).toFixed(2)} of ${(1000 / valueMs).toFixed(1)} tokens/s`;
}

/** What is slowest about the device where the forced plan has it. */
function causeOf(setting: Setting, forced: readonly Part[], device: number): string {
  const { tables } = setting;
  const at = forced.findIndex((part) => part.device === device);
  const cost = passCost(tables, forced)!;
  const linksMs = cost.linkMs[at]! + cost.linkMs[at + 1]!;
  if (linksMs >= cost.stageMs[at]!) return linkCause(setting, forced, at, cost.linkMs);
  const layers = forced[at]!.endLayer - forced[at]!.startLayer;
  if (cost.overheadMs[at]! > cost.stageMs[at]! / 2)
    return `each forward costs it ${formatMs(cost.overheadMs[at]!)} before any layer`;
  const perLayerMs = (cost.stageMs[at]! - cost.overheadMs[at]!) / layers;
  return `it takes ${formatMs(perLayerMs)} a layer, and links to it ${formatMs(linksMs)}`;
}

function linkCause(
  { problem, sources, tables }: Setting,
  forced: readonly Part[],
  at: number,
  linkMs: readonly number[],
): string {
  const self = tables.peerIds[forced[at]!.device]!;
  const isBefore = linkMs[at]! >= linkMs[at + 1]!;
  const neighbour = forced[isBefore ? at - 1 : at + 1];
  const others = neighbour ? [tables.peerIds[neighbour.device]!] : sources;
  const links = problem.links.filter(({ a, b }) => (a === self && others.includes(b)) || (b === self && others.includes(a)));
  const slowest = links.sort((a, b) => a.linkMbps - b.linkMbps)[0];
  const ms = formatMs(linkMs[isBefore ? at : at + 1]!);
  if (!slowest) return `its links take ${ms}`;
  const to = `its link to ${deviceName(problem, slowest.a === self ? slowest.b : slowest.a)}`;
  const isFar = slowest.rttMs / 2 > linkMs[isBefore ? at : at + 1]! / 2;
  return isFar
    ? `${to} takes ${formatMs(slowest.rttMs)} there and back`
    : `${to} is ${Number(slowest.linkMbps.toPrecision(3))} Mbit/s`;
}

function formatBytes(bytes: number): string {
  return `${Math.ceil(bytes)} bytes`;
}
