import type { Stage } from '../model/plan.ts';
import { shardBytes } from './cost.ts';
import type { Part } from './device-part.ts';
import { passCost } from './evaluate.ts';
import { goalMs } from './objective.ts';
import { LOAD_MBPS } from './replan.ts';
import type { Solution } from './solve.ts';
import type { Setting } from './solver-setting.ts';

/** A plan that mends another is judged by when this many tokens are there: soon, but not at any speed. */
const TOKENS_AHEAD = 100;
/** Ways to mend that are looked at, at most: with several gaps their numbers multiply. */
const MOST_WAYS = 20_000;

/**
 * Mends a plan that has lost devices: every surviving stage keeps its layers, and the lost ones go to the neighbours
 * and to devices without a stage, so that a hundred tokens are there as soon as they can be, loading included.
 *
 * @param surviving stages of the broken plan whose devices are still there, in order.
 * @returns null when that cannot be done; then only a new plan helps.
 */
export function mendedPlan(setting: Setting, surviving: readonly Stage[]): Solution | null {
  const { tables } = setting;
  const kept = surviving.map(({ peerId, layers }) => ({
    device: tables.peerIds.indexOf(peerId),
    startLayer: layers.startLayer - tables.sourceLayers,
    endLayer: layers.endLayer - tables.sourceLayers,
  }));
  if (kept.length === 0 || kept.some((part) => part.device < 0)) return null;
  const spare = [...tables.peerIds.keys()].filter((device) => !kept.some((part) => part.device === device));
  let best: { parts: Part[]; scoreMs: number } | null = null;
  let ways = 0;
  for (const parts of mendings(kept, tables.nLayers, spare)) {
    if (++ways > MOST_WAYS) break;
    const cost = passCost(tables, parts);
    if (!cost) continue;
    const scoreMs = loadMs(setting, kept, parts) + TOKENS_AHEAD * goalMs(setting.goal, cost.passMs, cost.bottleneckMs);
    if (!best || scoreMs < best.scoreMs) best = { parts, scoreMs };
  }
  return best && solutionOf(setting, best.parts);
}

function solutionOf({ tables, goal }: Setting, parts: Part[]): Solution | null {
  const cost = passCost(tables, parts);
  if (!cost) return null;
  const { passMs, bottleneckMs } = cost;
  return { parts, passMs, bottleneckMs, valueMs: goalMs(goal, passMs, bottleneckMs), lowerMs: 0, isProven: false };
}

/** Every way to fill the first gap, and for each of them every way to fill the rest. */
function* mendings(parts: readonly Part[], nLayers: number, spare: readonly number[]): Generator<Part[]> {
  const at = parts.findIndex((part, i) => part.startLayer > (parts[i - 1]?.endLayer ?? 0));
  const isEndMissing = at < 0 && parts.at(-1)!.endLayer < nLayers;
  if (at < 0 && !isEndMissing) {
    yield [...parts];
    return;
  }
  const gap = isEndMissing ? parts.length : at;
  for (const filled of fillings(parts, gap, nLayers, spare)) {
    const left = spare.filter((device) => !filled.some((part) => part.device === device));
    yield* mendings(filled, nLayers, left);
  }
}

/** The gap before parts[gap]: shared by its neighbours, or by one of them and a spare device. */
function* fillings(parts: readonly Part[], gap: number, nLayers: number, spare: readonly number[]): Generator<Part[]> {
  const [before, after] = [parts[gap - 1], parts[gap]];
  const start = before?.endLayer ?? 0;
  const end = after?.startLayer ?? nLayers;
  const head = before ? parts.slice(0, gap - 1) : [];
  const tail = after ? parts.slice(gap + 1) : [];
  for (let cut = start; cut <= end; cut++) {
    const earlier = before ? [{ ...before, endLayer: cut }] : [];
    const later = after ? [{ ...after, startLayer: cut }] : [];
    if ((before || cut === start) && (after || cut === end)) yield [...head, ...earlier, ...later, ...tail];
    for (const device of spare) {
      if (before && after && cut > start && cut < end) {
        yield [...head, { ...before, endLayer: cut }, { device, startLayer: cut, endLayer: end }, after, ...tail];
      }
      if (after && cut > start) {
        yield [
          ...head,
          ...(before ? [before] : []),
          { device, startLayer: start, endLayer: cut },
          { ...after, startLayer: cut },
          ...tail,
        ];
      } else if (before && !after && cut < end) {
        yield [...head, { ...before, endLayer: cut }, { device, startLayer: cut, endLayer: end }];
      }
    }
  }
}

/** Until the device that loads most has loaded what it lacks, ms. */
function loadMs(setting: Setting, kept: readonly Part[], parts: readonly Part[]): number {
  const { tables } = setting;
  const bytes = parts.map((part) => {
    const held = kept.find((one) => one.device === part.device);
    const heldBytes = held ? shardBytes(tables, held.startLayer, held.endLayer, held.endLayer === tables.nLayers) : 0;
    return shardBytes(tables, part.startLayer, part.endLayer, part.endLayer === tables.nLayers) - heldBytes;
  });
  return Math.max(0, ...bytes) / (LOAD_MBPS * 125);
}
