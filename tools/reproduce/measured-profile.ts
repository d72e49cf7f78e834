import type { CostTables } from '../../src/shared/planner/cost.ts';
import profile from './llama2-7b-profile.json';

export const PROFILE_SOURCE = profile.instances[0]!.source;

const [INSTANCE] = profile.instances;
const KINDS = INSTANCE!.devices.map((name) => profile.devices[name as keyof typeof profile.devices]);
const LAYERS = profile.layerGiB.length;

/**
 * The authors' own instance: five devices with the layer times that they measured for Llama2-7B, batch 4. 34 layers: the
 * embedding, which must stay on the source, 32 decoder layers, and norm and head. A transfer costs its bits and a fixed
 * 2.1 ms; what returns are the logits.
 */
export function measuredProfile(): CostTables {
  const entryMs = KINDS.map((_, a) => (a === PROFILE_SOURCE ? 0 : Number.POSITIVE_INFINITY));
  return tablesOf(0, LAYERS, entryMs, profile.outputBits, 0);
}

/**
 * The same as our rooms see it: the source embeds whatever else it does, and the head is on the last stage or, with the
 * hidden state as what returns, on the source.
 */
export function measuredRooms(): CostTables[] {
  const embedMs = KINDS[PROFILE_SOURCE]!.layerMs[0]!;
  const headMs = KINDS[PROFILE_SOURCE]!.layerMs[LAYERS - 1]!;
  const entryMs = KINDS.map((_, a) => transferMs(PROFILE_SOURCE, a, profile.activationBits));
  return [
    tablesOf(1, LAYERS, entryMs, profile.outputBits, embedMs),
    tablesOf(1, LAYERS - 1, entryMs, profile.activationBits, embedMs + headMs),
  ];
}

function transferMs(a: number, b: number, bits: number): number {
  return a === b ? 0 : bits / ((INSTANCE!.bandwidthMbps[a]![b] ?? 0) * 1000) + profile.linkOverheadMs;
}

/** Tables over layers [first, end); the others run on the source. */
function tablesOf(first: number, end: number, entryMs: number[], replyBits: number, sourceMs: number): CostTables {
  const all = [...KINDS.keys()];
  const hopMs = all.map((a) => all.map((b) => transferMs(a, b, profile.activationBits)));
  const exitMs = all.map((a) => transferMs(a, PROFILE_SOURCE, replyBits));
  const none = all.map(() => 0);
  const sizes = profile.layerGiB;
  const onSource = [...sizes.slice(0, first), ...sizes.slice(end)].reduce((sum, size) => sum + size, 0);
  return {
    peerIds: all,
    nLayers: end - first,
    sourceLayers: first,
    msBefore: KINDS.map((kind) => sums(kind.layerMs.slice(first, end))),
    overheadMs: none,
    headMs: none,
    headBusyMs: none,
    hopMs,
    hopBusyMs: hopMs,
    entryMs,
    entryBusyMs: entryMs,
    exitMs,
    exitBusyMs: exitMs,
    sourceMs,
    sourceBusyMs: sourceMs,
    freeBytes: KINDS.map((kind, a) => kind.memoryGiB - (a === PROFILE_SOURCE ? onSource : 0)),
    bytesBefore: sums(sizes.slice(first, end)),
    headBytes: 0,
    held: all.map(() => null),
  };
}

function sums(values: readonly number[]): number[] {
  const before = [0];
  for (const value of values) before.push(before.at(-1)! + value);
  return before;
}
