import { type CostTables, stageMs } from '../../src/shared/planner/cost.ts';
import type { Part } from '../../src/shared/planner/device-part.ts';
import { latencyAssignment, throughputAssignment } from '../../src/shared/planner/edgeshard.ts';
import { type Goal, goalMs } from '../../src/shared/planner/objective.ts';
import { repairAssignment } from '../../src/shared/planner/repair.ts';
import { simulate } from '../../src/shared/planner/simulate.ts';
import { solve } from '../../src/shared/planner/solve.ts';
import { splitAlong } from '../../src/shared/planner/split.ts';

export const METHODS = ['Edge-Solo', 'Cloud-Edge-Even', 'Cloud-Edge-Opt', "EdgeShard's DP", 'ours'] as const;
export type Method = (typeof METHODS)[number];

/** Tokens of an answer, as in the paper. */
const TOKENS = 96;
const LATENCY: Goal = { kind: 'latency' };

export interface Site {
  tables: CostTables;
  /** What ours plans with, where it differs: the best of these. */
  ourTables?: CostTables[];
  source: number;
  cloud: number;
  /** Devices that the paper's throughput programme looks at: its steps double with each. */
  programmeDevices: number[];
}

/** ms per token of one sequence; null when the method finds no plan within memory. */
export function latencyMs(site: Site, method: Method): number | null {
  if (method === "EdgeShard's DP") return programmeLatency(site.tables);
  if (method === 'ours') return bestOf(site, LATENCY, 1)?.msPerToken ?? null;
  const parts = partsBy(site, method, LATENCY);
  return parts && simulated(site.tables, parts, 1).msPerToken;
}

/** Tokens per second of so many sequences at the same time, each forward for one of them. */
export function tokensPerSecond(site: Site, method: Method, sequences: number): number | null {
  const goal: Goal = { kind: 'throughput', sequences };
  if (method === 'ours') return bestOf(site, goal, sequences)?.tokensPerSecond ?? null;
  const parts = method === "EdgeShard's DP" ? programmeThroughput(site, goal) : partsBy(site, method, goal);
  return parts && simulated(site.tables, parts, sequences).tokensPerSecond;
}

function partsBy({ tables, source, cloud }: Site, method: Method, goal: Goal): Part[] | null {
  if (method === 'Edge-Solo') return splitAlong(tables, [source], goal)?.parts ?? null;
  if (method === 'Cloud-Edge-Even') return evenParts(tables, source, cloud);
  const orders = [[source], [cloud], [source, cloud], [cloud, source]];
  const plans = orders.map((order) => splitAlong(tables, order, goal)).filter((plan) => plan !== null);
  const valueMs = (plan: (typeof plans)[number]) => goalMs(goal, plan.passMs, plan.bottleneckMs);
  return plans.length === 0 ? null : plans.reduce((a, b) => (valueMs(b) < valueMs(a) ? b : a)).parts;
}

function bestOf({ tables, ourTables = [tables] }: Site, goal: Goal, sequences: number) {
  const plans = ourTables.flatMap((ours) => {
    const solution = solve(ours, goal);
    return solution ? [{ ours, ...solution }] : [];
  });
  if (plans.length === 0) return null;
  const best = plans.reduce((a, b) => (b.valueMs < a.valueMs ? b : a));
  return simulated(best.ours, best.parts, sequences);
}

function evenParts(tables: CostTables, source: number, cloud: number): Part[] | null {
  const half = tables.nLayers >> 1;
  const parts = [
    { device: source, startLayer: 0, endLayer: half },
    { device: cloud, startLayer: half, endLayer: tables.nLayers },
  ];
  const bytes = (part: Part) => tables.bytesBefore[part.endLayer]! - tables.bytesBefore[part.startLayer]!;
  const fits = bytes(parts[0]!) <= tables.freeBytes[source]! && bytes(parts[1]!) + tables.headBytes <= tables.freeBytes[cloud]!;
  return fits ? parts : null;
}

/** The latency programme as it is: it may come back to a device, so its time is summed up layer by layer. */
function programmeLatency(tables: CostTables): number | null {
  const assignment = latencyAssignment(tables);
  if (!assignment) return null;
  const last = assignment.at(-1)!;
  let ms = tables.entryMs[assignment[0]!]! + tables.exitMs[last]!;
  for (const [layer, device] of assignment.entries()) {
    ms += stageMs(tables, device, layer, layer + 1, layer === tables.nLayers - 1);
    const before = assignment[layer - 1];
    if (before !== undefined && before !== device) ms += tables.hopMs[before]![device]!;
  }
  return ms;
}

function programmeThroughput({ tables, programmeDevices }: Site, goal: Goal): Part[] | null {
  const assignment = throughputAssignment(tables, programmeDevices);
  return assignment && (repairAssignment(tables, assignment, goal)?.parts ?? null);
}

function simulated(tables: CostTables, parts: Part[], sequences: number) {
  return simulate({ chunk: tables, token: tables, parts, sequences, chunksPerPrompt: 1, tokens: TOKENS, bubbles: false });
}
