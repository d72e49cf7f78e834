import { AppError } from '../errors.ts';
import type { PeerId } from '../model/link-profile.ts';
import { type CostTables, costTables, isUsable } from './cost.ts';
import { MAX_PLANNED_DEVICES } from './coverage.ts';
import { latencyAssignment, throughputAssignment, throughputDeviceLimit } from './edgeshard.ts';
import { predict } from './evaluate.ts';
import { bestOf, type Candidate, explain } from './explain.ts';
import type { PlanLayout, PlanningDevice, PlanningProblem, PlanResult } from './problem.ts';
import { findAnyPlan, repairAssignment } from './repair.ts';
import { whyNoPlan } from './shortfall.ts';
import { type Part, splitAlong } from './split.ts';

/**
 * Chooses devices and cuts the model among them: the paper's dynamic programme, repaired, against each device alone and
 * against simple orders of all devices; the cost model decides. At most 32 devices are looked at, the fastest first.
 *
 * Never throws. Errors: `no-devices`; `does-not-fit`, with the bytes that are missing; `no-path` when links are;
 * `model-malformed` when the spec contradicts itself.
 */
export function planRoom(problem: PlanningProblem): PlanResult {
  try {
    return { ok: true, layout: bestLayout(problem) };
  } catch (thrown) {
    return { ok: false, error: AppError.from(thrown).toReport() };
  }
}

function bestLayout(asked: PlanningProblem): PlanLayout {
  const { spec } = asked;
  if (spec.layerBytes.length !== spec.nLayers || spec.nLayers === 0) {
    throw new AppError('model-malformed', `${spec.name} has ${spec.nLayers} layers but sizes of ${spec.layerBytes.length}`);
  }
  const problem = { ...asked, devices: fastestDevices(asked.devices) };
  if (problem.devices.length === 0) throw new AppError('no-devices', 'no device in this room gives its layers yet');
  for (const sources of sourcesToServe(problem)) {
    const tables = costTables(problem, sources);
    const candidates = candidatesFor(problem, tables);
    if (candidates.length > 0) return layoutOf(problem, tables, candidates);
  }
  throw whyNoPlan(problem, costTables(problem, []));
}

function fastestDevices(devices: readonly PlanningDevice[]): PlanningDevice[] {
  const usable = devices.filter(isUsable);
  return usable.sort((a, b) => a.profile.decodeLayerMs - b.profile.decodeLayerMs).slice(0, MAX_PLANNED_DEVICES);
}

/**
 * Everybody who chats, or else as many as possible: one chat without links to the devices must not stop the others, so
 * the worst linked is left out until a plan exists. With chats, at least one is served.
 */
function* sourcesToServe(problem: PlanningProblem): Generator<PeerId[]> {
  const reach = (source: PeerId) =>
    problem.devices.filter((d) => Number.isFinite(costTables({ ...problem, devices: [d] }, [source]).entryMs[0])).length;
  const byReach = problem.sources.map((source) => ({ source, reach: reach(source) })).sort((a, b) => b.reach - a.reach);
  const reachable = byReach.filter((s) => s.reach > 0).map((s) => s.source);
  if (problem.sources.length === 0) yield [];
  for (let count = reachable.length; count > 0; count--) yield reachable.slice(0, count);
}

function candidatesFor(problem: PlanningProblem, tables: CostTables): Candidate[] {
  const devices = tables.peerIds.map((_, device) => device);
  const orders = [...devices.map((device) => [device]), devices, nearestNeighbours(tables)];
  const cuts: (Part[] | null)[] = orders.map((order) => splitAlong(tables, order, problem.objective));
  cuts.push(paperPlan(problem, tables));
  if (!cuts.some((cut) => cut !== null)) cuts.push(findAnyPlan(tables, problem.objective));
  return cuts.flatMap((parts) => {
    const predicted = parts && predict(tables, parts);
    return parts && predicted ? [{ parts, predicted }] : [];
  });
}

/** The paper's answer for the objective, as one contiguous shard per device. Devices are sorted, so the best come first. */
function paperPlan(problem: PlanningProblem, tables: CostTables): Part[] | null {
  const first = tables.peerIds.map((_, device) => device).slice(0, throughputDeviceLimit(tables.nLayers));
  const assignment = problem.objective === 'latency' ? latencyAssignment(tables) : throughputAssignment(tables, first);
  return assignment && repairAssignment(tables, assignment, problem.objective);
}

/** All devices, each next one the nearest over the links, starting from the nearest to the sources. */
function nearestNeighbours(tables: CostTables): number[] {
  const left = new Set(tables.peerIds.keys());
  const order: number[] = [];
  while (left.size > 0) {
    const last = order.at(-1);
    const distanceMs = (device: number) => (last === undefined ? tables.entryMs[device]! : tables.hopMs[last]![device]!);
    const next = [...left].reduce((best, device) => (distanceMs(device) < distanceMs(best) ? device : best));
    order.push(next);
    left.delete(next);
  }
  return order;
}

function layoutOf(problem: PlanningProblem, tables: CostTables, candidates: Candidate[]): PlanLayout {
  const best = bestOf(candidates, problem.objective);
  return {
    contextLength: problem.contextLength,
    wireDtype: problem.wireDtype,
    objective: problem.objective,
    stages: best.parts.map((part, i) => ({
      peerId: tables.peerIds[part.device]!,
      layers: { startLayer: part.startLayer, endLayer: part.endLayer },
      head: i === best.parts.length - 1,
    })),
    predicted: best.predicted,
    why: explain(tables, problem.objective, best, candidates),
  };
}
