import { hasLayer, layersOf } from '../model/layer-range.ts';
import type { PeerId } from '../model/link-profile.ts';
import type { Prediction, Stage } from '../model/plan.ts';
import { costTables, shardBytes } from './cost.ts';
import type { Part } from './device-part.ts';
import { predict } from './evaluate.ts';
import { predictedMs } from './objective.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { withUsableDevices } from './solver-setting.ts';

/**
 * A working plan is left only for one that takes less than this part of its time: measurements are noisy. Most of their noise
 * is gone before plans are made with them (`drift.ts`), so a twentieth is enough.
 */
export const WORTH_MOVING = 0.95;
/** A move must pay for itself within this time, ms: rooms of people do not stay the same for longer. */
export const HORIZON_MS = 5 * 60_000;
/** How fast a device loads layers over the internet, Mbit/s; nobody measures it beforehand. */
export const LOAD_MBPS = 50;
/** Part of the context that a chat has filled when its sequence is moved. */
const FILLED = 0.5;

/**
 * Whether the room should go over from the plan it has to a new one: it must be a twentieth faster, and make more tokens
 * within five minutes than staying would. The old plan serves while layers are loaded; rebuilding the keys and values
 * of every sequence costs time in which no token comes.
 *
 * @param current the plan in use or in preparation, null for none.
 * @param problem the room as it is now; both plans are judged by its measurements, not by those of their own time.
 */
export function shouldAdopt(current: PlanLayout | null, candidate: PlanLayout, problem: PlanningProblem): boolean {
  if (!current || !hasSameSettings(current, candidate)) return true;
  const served = servedSources(candidate.stages, problem);
  const now = predictStages(current.stages, problem, served);
  if (!now) return true;
  const next = predictStages(candidate.stages, problem, served);
  if (!next || hasSameStages(current, candidate)) return false;
  const [nowMs, nextMs] = [predictedMs(now, problem.objective), predictedMs(next, problem.objective)];
  if (!(nextMs < WORTH_MOVING * nowMs)) return false;
  const loadMs = Math.min(HORIZON_MS, moveBytes(current.stages, candidate.stages, problem) / (LOAD_MBPS * 125));
  const servingMs = HORIZON_MS - loadMs - rebuildMs(next, problem);
  return loadMs / nowMs + servingMs / nextMs > HORIZON_MS / nowMs;
}

/** The most bytes that any one device must download for a new plan; devices load side by side. */
export function moveBytes(current: readonly Stage[], next: readonly Stage[], asked: PlanningProblem): number {
  const problem = withUsableDevices(asked);
  const tables = costTables({ ...problem, sourceLayers: 0 }, [], { kind: 'token', head: 'last-stage' });
  const perStage = next.map(({ peerId, layers, head }) => {
    const serving = current.find((one) => one.peerId === peerId);
    const stored = problem.devices.find((device) => device.peerId === peerId)?.stored;
    const isThere = (layer: number) => (serving && hasLayer(serving.layers, layer)) || stored?.layers.includes(layer);
    const headBytes = head && !serving?.head && !stored?.head ? tables.headBytes : 0;
    const missing = layersOf(layers).filter((layer) => !isThere(layer));
    return missing.reduce((sum, layer) => sum + shardBytes(tables, layer, layer + 1, false), headBytes);
  });
  return Math.max(0, ...perStage);
}

/** Every sequence's tokens so far go through the stages again like a prompt, ms. */
function rebuildMs(next: Prediction, { sequences, contextLength, promptTokens }: PlanningProblem): number {
  return (Math.max(1, sequences) * next.firstTokenMs * contextLength * FILLED) / Math.max(1, promptTokens);
}

function hasSameSettings(a: PlanLayout, b: PlanLayout): boolean {
  const isSame = a.contextLength === b.contextLength && a.wireDtype === b.wireDtype && a.sourceLayers === b.sourceLayers;
  return isSame && headPlaceOf(a.stages) === headPlaceOf(b.stages);
}

export function hasSameStages(a: PlanLayout, b: PlanLayout): boolean {
  const words = ({ stages }: PlanLayout) =>
    stages.map(({ peerId, layers, head }) => [peerId, layers.startLayer, layers.endLayer, head].join()).join(';');
  return words(a) === words(b);
}

/** The sources with links to all devices of a plan. */
export function servedSources(stages: readonly Stage[], problem: PlanningProblem): PeerId[] {
  return problem.sources.filter((source) => predictStages(stages, problem, [source]) !== null);
}

/** What these stages would take in the room as it is; null when they cannot serve these sources any more. */
export function predictStages(stages: readonly Stage[], asked: PlanningProblem, sources: readonly PeerId[]): Prediction | null {
  const problem = withUsableDevices(asked);
  const parts = partsOfStages(stages, problem);
  return parts && predict(problem, sources, headPlaceOf(stages), parts);
}

/** Stages as the cost model has them; null when a device of them is not in the problem. */
export function partsOfStages(stages: readonly Stage[], problem: PlanningProblem): Part[] | null {
  const parts = stages.map(({ peerId, layers }) => ({
    device: problem.devices.findIndex((device) => device.peerId === peerId),
    startLayer: layers.startLayer - problem.sourceLayers,
    endLayer: layers.endLayer - problem.sourceLayers,
  }));
  return parts.some((part) => part.device < 0) ? null : parts;
}

export function headPlaceOf(stages: readonly Stage[]): 'last-stage' | 'source' {
  return stages.some((stage) => stage.head) ? 'last-stage' : 'source';
}
