import { AppError } from '../errors.ts';
import { HEAD_REPLY_BYTES } from '../model/head-row.ts';
import { PREFILL_CHUNK_ROWS } from '../model/limits.ts';
import type { PeerId } from '../model/link-profile.ts';
import { kvBytesPerTokenAndLayer } from '../model/model-spec.ts';
import type { ShardParts } from '../model/shard-parts.ts';
import { bytesPerValue } from '../model/wire-dtype.ts';
import { NO_LINK, SLOWEST_MS, type Transfer, type TransferBetween, transfers } from './links.ts';
import type { PlanningDevice, PlanningProblem } from './problem.ts';

/**
 * The problem as arrays over device indices: what every solver reads. Times are those of one pass of a token, or of one
 * chunk of a prompt. `busyMs` is how long a pass takes a link or the head away from the next one: links carry
 * the next message while one is on its way. Layers are counted from the first one that stages run.
 */
export interface CostTables {
  peerIds: PeerId[];
  nLayers: number;
  /** Layers that run on the sources, before the first one here. */
  sourceLayers: number;
  /** (devices, nLayers + 1): the layers before each one on that device, ms. */
  msBefore: number[][];
  overheadMs: number[];
  headMs: number[];
  headBusyMs: number[];
  /** One pass from a device to another, ms; Infinity without a usable link, or where a source cannot reach both; 0 on the diagonal. */
  hopMs: number[][];
  hopBusyMs: number[][];
  /** Mean over the sources of getting a pass to the device, ms. */
  entryMs: number[];
  /** Each source sends over a link of its own, so these share the passes, ms. */
  entryBusyMs: number[];
  /** Mean over the sources of getting the answer back, ms. */
  exitMs: number[];
  exitBusyMs: number[];
  /** What every pass takes on its own source, ms, and how long until that source can start the next. */
  sourceMs: number;
  sourceBusyMs: number;
  /** What is left of the lent memory for layers and head, bytes; negative when the source's own part is too large. */
  freeBytes: number[];
  /** Weights and keys and values of the layers before this one, bytes; nLayers + 1 entries. */
  bytesBefore: number[];
  /** The head's weights, bytes; 0 when it stays on the sources. */
  headBytes: number;
  /** By device: what it holds besides, or null; it counts where a new shard does not have it anyway. */
  held: (HeldShard | null)[];
}

interface HeldShard {
  /** Bytes of the held layers before this one; nLayers + 1 entries. */
  bytesBefore: number[];
  head: boolean;
}

export interface Work {
  /** `token`: one row, every pass answered. `chunk`: a part of a prompt, of which only the last one is answered. */
  kind: 'token' | 'chunk';
  head: 'last-stage' | 'source';
}

/** True when the device's own numbers can be computed with. */
export function isUsable({ profile, layerMs }: PlanningDevice): boolean {
  const { decodeLayerMs, prefillLayerMsPerToken, forwardOverheadMs, headMs, lendBytes } = profile;
  const times = [decodeLayerMs, prefillLayerMsPerToken, forwardOverheadMs, headMs, ...(layerMs ?? [])];
  return times.every((ms) => ms >= 0 && ms <= SLOWEST_MS) && Number.isFinite(lendBytes);
}

/** Chunks that a prompt goes through the stages in, and rows of each: even, so the last one may be a fraction. */
export function promptChunks(promptTokens: number): { chunks: number; rows: number } {
  const tokens = Math.max(1, promptTokens);
  const chunks = Math.ceil(tokens / PREFILL_CHUNK_ROWS);
  return { chunks, rows: tokens / chunks };
}

/**
 * Prepares the tables for the given sources only: a source that nobody can reach would make every plan infinite, so the
 * caller decides whom a plan must serve.
 *
 * A source that runs layers or the head without having measured itself is served all the same: nobody knows what its own part takes,
 * so that counts as nothing.
 *
 * @throws AppError `model-malformed` when the sources would run all layers.
 */
export function costTables(problem: PlanningProblem, sources: readonly PeerId[], work: Work): CostTables {
  const { spec, devices, sourceLayers } = problem;
  const nLayers = spec.nLayers - sourceLayers;
  if (!(nLayers >= 1 && sourceLayers >= 0)) {
    throw new AppError('model-malformed', `the sources cannot run ${sourceLayers} of the ${spec.nLayers} layers of ${spec.name}`);
  }
  const headHere = work.head === 'last-stage';
  const layerRows = work.kind === 'token' ? 1 : promptChunks(problem.promptTokens).rows;
  const headMs = devices.map((d) => (headHere ? d.profile.headMs : 0));
  const sizes = layerSizes(problem);
  return {
    peerIds: devices.map((d) => d.peerId),
    nLayers,
    sourceLayers,
    msBefore: devices.map((d) => sumsBefore(layerTimes(problem, d, work.kind, layerRows).slice(sourceLayers))),
    overheadMs: devices.map((d) => d.profile.forwardOverheadMs),
    headMs,
    headBusyMs: work.kind === 'token' ? headMs : headMs.map(() => 0),
    ...linkCosts(problem, sources, work, layerRows),
    ...sourceCosts(problem, sources, work, layerRows),
    freeBytes: devices.map((d) => d.profile.lendBytes - (d.isSource ? sourceBytes(problem, headHere) : 0)),
    bytesBefore: sumsBefore(sizes.slice(sourceLayers)),
    headBytes: headHere ? spec.headBytes : 0,
    held: devices.map(({ held }) => heldShard(held, sizes, sourceLayers)),
  };
}

/** A profile has one time, of the mean layer; in a file of mixed formats what a layer takes goes with its bytes. */
function layerTimes({ spec }: PlanningProblem, device: PlanningDevice, kind: Work['kind'], rows: number): number[] {
  const { decodeLayerMs, prefillLayerMsPerToken } = device.profile;
  const meanMs = kind === 'chunk' ? rows * prefillLayerMsPerToken : decodeLayerMs;
  const meanBytes = spec.layerBytes.reduce((sum, bytes) => sum + bytes, 0) / spec.nLayers;
  const byBytes = spec.layerBytes.map((bytes) => (meanBytes > 0 ? meanMs * (bytes / meanBytes) : meanMs));
  return kind === 'chunk' ? byBytes : byBytes.map((ms, layer) => device.layerMs?.[layer] ?? ms);
}

/** Weights, and the keys and values of every sequence, bytes. */
function layerSizes({ spec, contextLength, sequences }: PlanningProblem): number[] {
  const kvBytes = kvBytesPerTokenAndLayer(spec) * contextLength * Math.max(1, sequences);
  return spec.layerBytes.map((bytes) => bytes + kvBytes);
}

/** Null for nothing, which is quicker to compute with. */
function heldShard(held: ShardParts | undefined, sizes: readonly number[], sourceLayers: number): HeldShard | null {
  if (!held || (held.layers.length === 0 && !held.head)) return null;
  const layers = new Set(held.layers);
  const bytes = sizes.map((size, layer) => (layers.has(layer) ? size : 0));
  return { bytesBefore: sumsBefore(bytes.slice(sourceLayers)), head: held.head };
}

/** What a device that chats holds besides its stage, bytes. */
function sourceBytes(problem: PlanningProblem, headHere: boolean): number {
  const { spec, sourceLayers } = problem;
  const layers = layerSizes(problem).slice(0, sourceLayers);
  return spec.embeddingBytes + (headHere ? 0 : spec.headBytes) + layers.reduce((sum, bytes) => sum + bytes, 0);
}

function linkCosts(problem: PlanningProblem, sources: readonly PeerId[], work: Work, rows: number) {
  const { devices, spec } = problem;
  const between = transfers(problem.links);
  const rowBytes = spec.dim * bytesPerValue(problem.wireDtype);
  const replyBytes = work.head === 'source' ? rowBytes : HEAD_REPLY_BYTES;
  const entries = devices.map((d) => sharedTransfer(between, sources, d.peerId, rows * rowBytes));
  const exits = devices.map((d) => sharedTransfer(between, sources, d.peerId, replyBytes));
  // Every stage tells the source what went wrong, and hears from it what to free: none can be in a chain that a source cannot reach.
  const isReached = entries.map(({ ms }) => ms <= SLOWEST_MS);
  const hops = devices.map((from, i) =>
    devices.map((to, j) =>
      i === j || (isReached[i] && isReached[j]) ? between(from.peerId, to.peerId, rows * rowBytes) : NO_LINK,
    ),
  );
  return {
    hopMs: hops.map((row) => row.map((hop) => hop.ms)),
    hopBusyMs: hops.map((row) => row.map((hop) => hop.busyMs)),
    entryMs: entries.map((entry) => entry.ms),
    entryBusyMs: entries.map((entry) => entry.busyMs),
    exitMs: exits.map((exit) => exit.ms),
    exitBusyMs: exits.map((exit) => (work.kind === 'token' ? exit.busyMs : 0)),
  };
}

function sharedTransfer(between: TransferBetween, sources: readonly PeerId[], peerId: PeerId, bytes: number): Transfer {
  if (sources.length === 0) return { ms: 0, busyMs: 0 };
  const all = sources.map((source) => between(source, peerId, bytes));
  const mean = (of: (transfer: Transfer) => number) => all.reduce((sum, one) => sum + of(one), 0) / sources.length;
  return { ms: mean((one) => one.ms), busyMs: mean((one) => one.busyMs) / sources.length };
}

function sourceCosts(problem: PlanningProblem, sources: readonly PeerId[], work: Work, rows: number) {
  if (sources.length === 0 || (problem.sourceLayers === 0 && work.head === 'last-stage')) return { sourceMs: 0, sourceBusyMs: 0 };
  const parts = sources.map((source) => ownPartMs(problem, source, work, rows));
  const mean = (of: 'allMs' | 'busyMs') => parts.reduce((sum, part) => sum + part[of], 0) / sources.length;
  return { sourceMs: mean('allMs'), sourceBusyMs: mean('busyMs') / sources.length };
}

function ownPartMs(problem: PlanningProblem, source: PeerId, work: Work, rows: number) {
  const device = problem.devices.find((d) => d.peerId === source);
  if (!device) return { allMs: 0, busyMs: 0 };
  const own = layerTimes(problem, device, work.kind, rows).slice(0, problem.sourceLayers);
  const layersMs = own.length === 0 ? 0 : own.reduce((sum, ms) => sum + ms, device.profile.forwardOverheadMs);
  const headMs = work.head === 'source' ? device.profile.headMs : 0;
  return { allMs: layersMs + headMs, busyMs: layersMs + (work.kind === 'token' ? headMs : 0) };
}

function sumsBefore(values: readonly number[]): number[] {
  const before = [0];
  for (const value of values) before.push(before.at(-1)! + value);
  return before;
}

/** Compute of one stage for one pass, ms. */
export function stageMs(tables: CostTables, device: number, startLayer: number, endLayer: number, head: boolean): number {
  const before = tables.msBefore[device]!;
  return tables.overheadMs[device]! + (before[endLayer]! - before[startLayer]!) + (head ? tables.headMs[device]! : 0);
}

/** How long a pass keeps the stage from the next one, ms. */
export function stageBusyMs(tables: CostTables, device: number, startLayer: number, endLayer: number, head: boolean): number {
  return stageMs(tables, device, startLayer, endLayer, false) + (head ? tables.headBusyMs[device]! : 0);
}

/**
 * Whether the device has memory for layers [startLayer, endLayer) and, if asked, the head, beside what it holds. An exact fit fits.
 * Where a range fits, so does every part of it.
 */
export function fits(tables: CostTables, device: number, startLayer: number, endLayer: number, head: boolean): boolean {
  const bytes = shardBytes(tables, startLayer, endLayer, head);
  const held = tables.held[device]!;
  return (held === null ? bytes : bytes + bytesBeside(tables, held, startLayer, endLayer, head)) <= tables.freeBytes[device]!;
}

/** What a device holds and a new shard does not have, bytes. */
function bytesBeside(tables: CostTables, held: HeldShard, startLayer: number, endLayer: number, head: boolean): number {
  const before = held.bytesBefore;
  const layerBytes = before[tables.nLayers]! - (before[endLayer]! - before[startLayer]!);
  return layerBytes + (held.head && !head ? tables.headBytes : 0);
}

/** Weights, keys and values of layers [startLayer, endLayer), and the head's weights if asked, bytes. */
export function shardBytes(tables: CostTables, startLayer: number, endLayer: number, head: boolean): number {
  return tables.bytesBefore[endLayer]! - tables.bytesBefore[startLayer]! + (head ? tables.headBytes : 0);
}

/** The largest endLayer <= lastEnd such that the device has memory for [startLayer, endLayer). */
export function furthestEnd(tables: CostTables, device: number, startLayer: number, lastEnd: number): number {
  let end = startLayer;
  while (end < lastEnd && fits(tables, device, startLayer, end + 1, false)) end++;
  return end;
}
