import type { LinkProfile, PeerId } from '../model/link-profile.ts';
import { kvBytesPerTokenAndLayer } from '../model/model-spec.ts';
import { bytesPerValue } from '../model/wire-dtype.ts';
import type { PlanningDevice, PlanningProblem } from './problem.ts';

/** The head's usual answer for one row: 128 candidates of (id, logit), logSumExp and its frame's own fields, bytes. */
export const HEAD_REPLY_BYTES = 128 * 8 + 16;
/** A device or link slower than this counts as none; sums of times then stay finite, ms. */
const SLOWEST_MS = 1e9;

/** The problem as arrays over device indices: what every planner reads. */
export interface CostTables {
  peerIds: PeerId[];
  nLayers: number;
  /** One token through one layer, ms. */
  layerMs: number[];
  overheadMs: number[];
  headMs: number[];
  /** One activation row from a device to another, ms; Infinity without a usable link, 0 on the diagonal. */
  hopMs: number[][];
  /** Mean over the sources of getting a row to the device, ms. */
  entryMs: number[];
  /** Mean over the sources of getting the head's reply back, ms. */
  exitMs: number[];
  /** What is left of the lent memory for layers and head, bytes; negative when the embedding alone is too large. */
  roomBytes: number[];
  /** Weights and keys and values of the layers before this one, bytes; nLayers + 1 entries. */
  bytesBefore: number[];
  headBytes: number;
}

/** Time for a message to cross a link: half a round trip and its bits, ms. Infinity where a link is unusable. */
export function transferMs(link: Pick<LinkProfile, 'rttMs' | 'linkMbps'>, messageBytes: number): number {
  const ms = link.rttMs / 2 + (messageBytes * 8) / (link.linkMbps * 1000);
  return ms >= 0 && ms <= SLOWEST_MS ? ms : Number.POSITIVE_INFINITY;
}

/** True when the device's own numbers can be computed with. */
export function isUsable(device: PlanningDevice): boolean {
  const { decodeLayerMs, forwardOverheadMs, headMs, lendBytes } = device.profile;
  return [decodeLayerMs, forwardOverheadMs, headMs].every((ms) => ms >= 0 && ms <= SLOWEST_MS) && Number.isFinite(lendBytes);
}

/**
 * Prepares the tables for the given sources only: a source that nobody can reach would make every plan infinite, so the
 * caller decides whom a plan must serve.
 */
export function costTables(problem: PlanningProblem, sources: readonly PeerId[]): CostTables {
  const { spec, devices } = problem;
  const linkOf = linkTable(problem.links);
  const activationBytes = spec.dim * bytesPerValue(problem.wireDtype);
  const ms = (from: PeerId, to: PeerId, bytes: number) => {
    if (from === to) return 0;
    const link = linkOf.get(linkKey(from, to));
    return link ? transferMs(link, bytes) : Number.POSITIVE_INFINITY;
  };
  const meanMs = (peerId: PeerId, bytes: number) =>
    sources.length === 0 ? 0 : sources.reduce((sum, source) => sum + ms(source, peerId, bytes), 0) / sources.length;
  return {
    peerIds: devices.map((d) => d.peerId),
    nLayers: spec.nLayers,
    layerMs: devices.map((d) => d.profile.decodeLayerMs),
    overheadMs: devices.map((d) => d.profile.forwardOverheadMs),
    headMs: devices.map((d) => d.profile.headMs),
    hopMs: devices.map((from) => devices.map((to) => ms(from.peerId, to.peerId, activationBytes))),
    entryMs: devices.map((d) => meanMs(d.peerId, activationBytes)),
    exitMs: devices.map((d) => meanMs(d.peerId, HEAD_REPLY_BYTES)),
    roomBytes: devices.map((d) => d.profile.lendBytes - (d.isSource ? spec.embeddingBytes : 0)),
    bytesBefore: bytesBeforeEachLayer(problem),
    headBytes: spec.headBytes,
  };
}

/** Compute of one stage for one token, ms. */
export function stageMs(tables: CostTables, device: number, nLayers: number, head: boolean): number {
  return tables.overheadMs[device]! + nLayers * tables.layerMs[device]! + (head ? tables.headMs[device]! : 0);
}

/** Whether the device has room for layers [startLayer, endLayer) and, if asked, the head. An exact fit fits. */
export function fits(tables: CostTables, device: number, startLayer: number, endLayer: number, head: boolean): boolean {
  return shardBytes(tables, startLayer, endLayer, head) <= tables.roomBytes[device]!;
}

/** Weights, keys and values of layers [startLayer, endLayer), and the head's weights if asked, bytes. */
export function shardBytes(tables: CostTables, startLayer: number, endLayer: number, head: boolean): number {
  return tables.bytesBefore[endLayer]! - tables.bytesBefore[startLayer]! + (head ? tables.headBytes : 0);
}

/** The largest endLayer <= lastEnd such that the device has room for [startLayer, endLayer). */
export function furthestEnd(tables: CostTables, device: number, startLayer: number, lastEnd: number): number {
  let end = startLayer;
  while (end < lastEnd && fits(tables, device, startLayer, end + 1, false)) end++;
  return end;
}

function bytesBeforeEachLayer({ spec, contextLength, sequences }: PlanningProblem): number[] {
  const kvBytes = kvBytesPerTokenAndLayer(spec) * contextLength * Math.max(1, sequences);
  const before = [0];
  for (const bytes of spec.layerBytes) before.push(before.at(-1)! + bytes + kvBytes);
  return before;
}

function linkTable(links: readonly LinkProfile[]): Map<string, LinkProfile> {
  return new Map(links.map((link) => [linkKey(link.a, link.b), link]));
}

function linkKey(a: PeerId, b: PeerId): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
