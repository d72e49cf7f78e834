import type { PeerId } from '../model/link-profile.ts';
import type { Prediction } from '../model/plan.ts';
import { type CostTables, costTables, fits, promptChunks, stageBusyMs, stageMs } from './cost.ts';
import type { Part, PassPlan } from './device-part.ts';
import { goalMs } from './objective.ts';
import type { PlanningProblem } from './problem.ts';

export interface PassCost {
  passMs: number;
  bottleneckMs: number;
  stageMs: number[];
  overheadMs: number[];
  linkMs: number[];
}

/**
 * What one pass through these parts costs.
 *
 * @returns null when a part does not fit its device, the parts do not cover all layers in order, a device has two of
 * them, or a link is missing.
 */
export function passCost(tables: CostTables, parts: readonly Part[]): PassCost | null {
  if (!coversAllLayersOnce(tables, parts)) return null;
  const [first, last] = [parts[0]!.device, parts.at(-1)!.device];
  const isHead = (part: Part) => part.endLayer === tables.nLayers;
  if (!parts.every((p) => fits(tables, p.device, p.startLayer, p.endLayer, isHead(p)))) return null;
  const along = (of: number[][]) => parts.slice(1).map((part, i) => of[parts[i]!.device]![part.device]!);
  const stages = parts.map((p) => stageMs(tables, p.device, p.startLayer, p.endLayer, isHead(p)));
  const links = [tables.entryMs[first]!, ...along(tables.hopMs), tables.exitMs[last]!];
  const passMs = [...stages, ...links].reduce((sum, ms) => sum + ms, tables.sourceMs);
  if (!Number.isFinite(passMs)) return null;
  const busyStages = parts.map((p) => stageBusyMs(tables, p.device, p.startLayer, p.endLayer, isHead(p)));
  const busyLinks = [tables.entryBusyMs[first]!, ...along(tables.hopBusyMs), tables.exitBusyMs[last]!];
  const bottleneckMs = Math.max(tables.sourceBusyMs, ...busyStages, ...busyLinks);
  return { passMs, bottleneckMs, stageMs: stages, overheadMs: parts.map((p) => tables.overheadMs[p.device]!), linkMs: links };
}

export function passPlan(tables: CostTables, parts: Part[]): PassPlan | null {
  const cost = passCost(tables, parts);
  return cost && { parts, passMs: cost.passMs, bottleneckMs: cost.bottleneckMs };
}

/**
 * What the cost model expects of these parts.
 *
 * @returns null as `passCost` does.
 */
export function predict(
  problem: PlanningProblem,
  sources: readonly PeerId[],
  head: 'last-stage' | 'source',
  parts: readonly Part[],
): Prediction | null {
  const token = passCost(costTables(problem, sources, { kind: 'token', head }), parts);
  const chunk = passCost(costTables(problem, sources, { kind: 'chunk', head }), parts);
  if (!token || !chunk) return null;
  const sequences = Math.max(1, problem.concurrentSequences);
  const { chunks } = promptChunks(problem.promptTokens);
  return {
    msPerToken: token.passMs,
    bottleneckMs: token.bottleneckMs,
    tokensPerSecond: 1000 / Math.max(goalMs({ kind: 'throughput', sequences }, token.passMs, token.bottleneckMs), SHORTEST_MS),
    firstTokenMs: goalMs({ kind: 'first-token', chunks }, chunk.passMs, chunk.bottleneckMs),
    stageMs: token.stageMs,
    overheadMs: token.overheadMs,
    linkMs: token.linkMs,
  };
}

/** Keeps rates finite for devices that claim to take no time, ms. */
const SHORTEST_MS = 1e-6;

function coversAllLayersOnce(tables: CostTables, parts: readonly Part[]): boolean {
  if (parts.length === 0 || new Set(parts.map((p) => p.device)).size !== parts.length) return false;
  let layer = 0;
  for (const part of parts) {
    if (part.startLayer !== layer || part.endLayer <= layer || !(part.device in tables.peerIds)) return false;
    layer = part.endLayer;
  }
  return layer === tables.nLayers;
}
