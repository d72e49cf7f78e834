import { type CostTables, fits, stageBusyMs, stageMs } from './cost.ts';

/**
 * The two dynamic programmes of EdgeShard (Zhang et al., IEEE IoT Journal 12(10), 2025, section IV), with this project's
 * costs: a forward's fixed cost is paid at every visit of a device, and the head is part of the last layer.
 * Both answer with the device of each layer, or null when they find nothing.
 */
export type Assignment = number[];

interface LayerState {
  ms: number;
  /** Device of the layer before, -1 at the first layer. */
  from: number;
  /** What this path has left on every device, bytes. */
  leftBytes: readonly number[];
}

/**
 * Latency: DP(layer, device) = min over the device before of DP(layer - 1, before) + compute + transfer, with one
 * remaining-memory vector per state, as in the authors' own code. The vector of the cheapest path is kept and others are
 * forgotten, so under tight memory the answer may be far from the best or missing, and it may visit a device twice.
 */
export function latencyAssignment(tables: CostTables): Assignment | null {
  const devices = tables.peerIds.map((_, device) => device);
  let states: (LayerState | null)[] = devices.map(() => null);
  const history: (LayerState | null)[][] = [];
  for (let layer = 0; layer < tables.nLayers; layer++) {
    const before = states;
    states = devices.map((device) => bestState(tables, layer, device, before));
    history.push(states);
  }
  const totalMs = (device: number) => (states[device]?.ms ?? Number.POSITIVE_INFINITY) + tables.exitMs[device]!;
  const last = devices.reduce((best, device) => (totalMs(device) < totalMs(best) ? device : best), 0);
  return Number.isFinite(totalMs(last)) ? traceLatency(history, last) : null;
}

function bestState(tables: CostTables, layer: number, device: number, before: readonly (LayerState | null)[]): LayerState | null {
  const head = layer === tables.nLayers - 1;
  const needBytes = tables.bytesBefore[layer + 1]! - tables.bytesBefore[layer]! + (head ? tables.headBytes : 0);
  const computeMs = stageMs(tables, device, layer, layer + 1, head);
  let best: { ms: number; from: number } | null = null;
  if (layer === 0) {
    if (tables.freeBytes[device]! < needBytes) return null;
    best = { ms: tables.entryMs[device]! + computeMs, from: -1 };
    return withoutBytes(best, tables.freeBytes, device, needBytes);
  }
  for (const [from, state] of before.entries()) {
    if (!state || state.leftBytes[device]! < needBytes) continue;
    const stepMs = from === device ? computeMs - tables.overheadMs[device]! : computeMs + tables.hopMs[from]![device]!;
    if (Number.isFinite(stepMs) && (!best || state.ms + stepMs < best.ms)) best = { ms: state.ms + stepMs, from };
  }
  return best && withoutBytes(best, before[best.from]!.leftBytes, device, needBytes);
}

function withoutBytes(
  step: { ms: number; from: number },
  leftBytes: readonly number[],
  device: number,
  bytes: number,
): LayerState {
  return { ...step, leftBytes: leftBytes.map((left, i) => (i === device ? left - bytes : left)) };
}

function traceLatency(history: readonly (LayerState | null)[][], lastDevice: number): Assignment {
  const assignment: Assignment = [];
  let device = lastDevice;
  for (let layer = history.length - 1; layer >= 0; layer--) {
    assignment.unshift(device);
    device = history[layer]![device]!.from;
  }
  return assignment;
}

/** More steps than this take longer than a room should wait. */
const MAX_THROUGHPUT_STEPS = 1e8;
const MAX_THROUGHPUT_DEVICES = 10;

/** How many devices the throughput programme looks at, for so many layers. */
export function throughputDeviceLimit(nLayers: number): number {
  let limit = MAX_THROUGHPUT_DEVICES;
  while (limit > 1 && 2 ** limit * limit * nLayers * (nLayers + limit) > MAX_THROUGHPUT_STEPS) limit--;
  return limit;
}

/** g of the throughput programme, flat over (set, last device, layers done), with the way back. */
interface BottleneckTable {
  candidates: readonly number[];
  slot(set: number, last: number): number;
  ms: Float64Array;
  startLayer: Int16Array;
  before: Int8Array;
}

/**
 * Throughput: g(m, S + {k}, k) = min over i < m and j in S of max{ g(i, S, j), transfer(j, k), compute(i..m, k) }: the
 * smallest bottleneck of the first m layers on exactly the devices S + {k} with k last.
 *
 * @param candidates devices to look at, at most `throughputDeviceLimit`: the number of sets doubles with each.
 */
export function throughputAssignment(tables: CostTables, candidates: readonly number[]): Assignment | null {
  const table = emptyTable(candidates, tables.nLayers);
  let best = { ms: Number.POSITIVE_INFINITY, set: 0, last: -1 };
  for (let set = 1; set < 2 ** candidates.length; set++) {
    for (let last = 0; last < candidates.length; last++) {
      if ((set & (1 << last)) === 0) continue;
      fillSlot(tables, table, set, last);
      const ms = Math.max(table.ms[table.slot(set, last) + tables.nLayers]!, tables.exitBusyMs[candidates[last]!]!);
      if (ms < best.ms) best = { ms, set, last };
    }
  }
  return best.last < 0 ? null : traceThroughput(tables.nLayers, table, best.set, best.last);
}

function emptyTable(candidates: readonly number[], nLayers: number): BottleneckTable {
  const n = candidates.length;
  const size = 2 ** n * n * (nLayers + 1);
  return {
    candidates,
    slot: (set, last) => (set * n + last) * (nLayers + 1),
    ms: new Float64Array(size).fill(Number.POSITIVE_INFINITY),
    startLayer: new Int16Array(size).fill(-1),
    before: new Int8Array(size).fill(-1),
  };
}

function fillSlot(tables: CostTables, table: BottleneckTable, set: number, last: number): void {
  const rest = set & ~(1 << last);
  const device = table.candidates[last]!;
  if (rest === 0) {
    extend(tables, table, table.slot(set, last), device, { layer: 0, ms: tables.entryBusyMs[device]!, from: -1 });
    return;
  }
  for (let layer = 1; layer < tables.nLayers; layer++) {
    const start = { layer, ms: Number.POSITIVE_INFINITY, from: -1 };
    for (let j = 0; j < table.candidates.length; j++) {
      if ((rest & (1 << j)) === 0) continue;
      const ms = Math.max(table.ms[table.slot(rest, j) + layer]!, tables.hopBusyMs[table.candidates[j]!]![device]!);
      if (ms < start.ms) {
        start.ms = ms;
        start.from = j;
      }
    }
    extend(tables, table, table.slot(set, last), device, start);
  }
}

interface StageStart {
  layer: number;
  ms: number;
  from: number;
}

function extend(tables: CostTables, table: BottleneckTable, base: number, device: number, start: StageStart): void {
  if (start.ms === Number.POSITIVE_INFINITY) return;
  for (let end = start.layer + 1; end <= tables.nLayers; end++) {
    const head = end === tables.nLayers;
    if (!fits(tables, device, start.layer, end, head)) break;
    const ms = Math.max(start.ms, stageBusyMs(tables, device, start.layer, end, head));
    if (ms >= table.ms[base + end]!) continue;
    table.ms[base + end] = ms;
    table.startLayer[base + end] = start.layer;
    table.before[base + end] = start.from;
  }
}

function traceThroughput(nLayers: number, table: BottleneckTable, lastSet: number, lastDevice: number): Assignment {
  const assignment: Assignment = new Array<number>(nLayers);
  let set = lastSet;
  let last = lastDevice;
  let end = nLayers;
  while (end > 0) {
    const at = table.slot(set, last) + end;
    const start = table.startLayer[at]!;
    assignment.fill(table.candidates[last]!, start, end);
    set &= ~(1 << last);
    last = table.before[at]!;
    end = start;
  }
  return assignment;
}
