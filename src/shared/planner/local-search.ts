import type { CostTables } from './cost.ts';
import { SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** What a missing layer or link costs a chain on its way to a possible one, ms. */
const MISSING_MS = 1e7;
/** A chain dearer than this is none, ms. */
const NONE_MS = MISSING_MS / 2;

/**
 * Improves orders of devices by small changes: put one in, leave one out, exchange one for another, turn a stretch
 * round, move a stretch. Layers go to the fastest devices of the order first, which is exact when layers are equal.
 */
export class LocalSearch {
  private readonly tables: CostTables;
  /** Fastest first. */
  private readonly bySpeed: readonly number[];
  private readonly layerMs: readonly number[];
  private readonly most: Int32Array;
  private readonly mostWithHead: Int32Array;
  private readonly startMs: Float64Array;
  private readonly endMs: Float64Array;
  private readonly stepMs: Float64Array;
  private readonly width: number;
  private readonly isUsed: Uint8Array;

  constructor(tables: CostTables, view: LayerView, devices: readonly number[], capMs: number) {
    const cap = capMs * (1 + SAME);
    const all = [...tables.peerIds.keys()];
    const under = (busyMs: number, ms: number) => (busyMs <= cap && Number.isFinite(ms) ? ms : MISSING_MS);
    const most = (device: number, fixedMs: number, room: number) => layersWithin(cap, fixedMs, view.layerMs[device]!, room);
    this.tables = tables;
    this.layerMs = view.layerMs;
    this.bySpeed = [...devices].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
    this.width = all.length;
    this.most = Int32Array.from(all, (d) => most(d, tables.overheadMs[d]!, view.roomLayers[d]!));
    this.mostWithHead = Int32Array.from(all, (d) =>
      most(d, tables.overheadMs[d]! + tables.headBusyMs[d]!, view.headRoomLayers[d]!),
    );
    this.startMs = Float64Array.from(all, (d) => under(tables.entryBusyMs[d]!, tables.entryMs[d]! + tables.overheadMs[d]!));
    this.endMs = Float64Array.from(all, (d) => under(tables.exitBusyMs[d]!, tables.exitMs[d]! + tables.headMs[d]!));
    this.stepMs = Float64Array.from(
      all.flatMap((a) => all.map((b) => under(tables.hopBusyMs[a]![b]!, tables.hopMs[a]![b]! + tables.overheadMs[b]!))),
    );
    this.isUsed = new Uint8Array(all.length);
  }

  /** Layers that the devices could take under the cap, all together. */
  roomLayers(): number {
    const room = (device: number) => Math.max(this.most[device]!, this.mostWithHead[device]!);
    return this.bySpeed.reduce((sum, device) => sum + room(device), 0);
  }

  isPossible(ms: number): boolean {
    return ms < NONE_MS;
  }

  /** One pass along the order, ms; missing layers and links count as very slow ones. */
  passMs(order: readonly number[]): number {
    const last = order.at(-1);
    if (last === undefined || order.length > this.tables.nLayers) return Number.POSITIVE_INFINITY;
    let ms = this.startMs[order[0]!]! + this.endMs[last]! + this.tables.sourceMs;
    let left = this.tables.nLayers - order.length;
    this.isUsed.fill(0);
    for (let i = 0; i < order.length; i++) {
      const device = order[i]!;
      this.isUsed[device] = 1;
      ms += this.layerMs[device]!;
      if (i > 0) ms += this.stepMs[order[i - 1]! * this.width + device]!;
      if ((device === last ? this.mostWithHead : this.most)[device]! < 1) ms += MISSING_MS;
    }
    for (let i = 0; i < this.bySpeed.length && left > 0; i++) {
      const device = this.bySpeed[i]!;
      if (this.isUsed[device] === 0) continue;
      const more = Math.min(left, Math.max(0, (device === last ? this.mostWithHead : this.most)[device]! - 1));
      ms += more * this.layerMs[device]!;
      left -= more;
    }
    return ms + left * MISSING_MS;
  }

  /** @returns an order that no single change makes better. */
  improve(start: readonly number[], isLate: () => boolean): { order: number[]; ms: number } {
    let best = { order: [...start], ms: this.passMs(start) };
    for (;;) {
      const better = this.bestChange(best.order, best.ms);
      if (!better) return best;
      best = better;
      if (isLate()) return best;
    }
  }

  private bestChange(order: readonly number[], ms: number): { order: number[]; ms: number } | null {
    let best: { order: number[]; ms: number } | null = null;
    let bestMs = ms * (1 - SAME);
    for (const changed of this.changes(order)) {
      const changedMs = this.passMs(changed);
      if (changedMs >= bestMs) continue;
      bestMs = changedMs;
      best = { order: [...changed], ms: changedMs };
    }
    return best;
  }

  /** Every order that one change makes; the array is used again for the next. */
  private *changes(order: readonly number[]): Generator<number[]> {
    const unused = this.bySpeed.filter((device) => !order.includes(device));
    yield* this.withOneMore(order, unused);
    yield* this.withOneOther(order, unused);
    yield* this.withStretchMoved(order);
    yield* this.withStretchTurned(order);
  }

  private *withOneMore(order: readonly number[], unused: readonly number[]): Generator<number[]> {
    for (let at = 0; at <= order.length; at++) {
      const changed = [...order.slice(0, at), -1, ...order.slice(at)];
      for (const device of unused) {
        changed[at] = device;
        yield changed;
      }
    }
  }

  private *withOneOther(order: readonly number[], unused: readonly number[]): Generator<number[]> {
    for (let at = 0; at < order.length; at++) {
      yield [...order.slice(0, at), ...order.slice(at + 1)];
      const changed = [...order];
      for (const device of unused) {
        changed[at] = device;
        yield changed;
      }
    }
  }

  private *withStretchMoved(order: readonly number[]): Generator<number[]> {
    for (let length = 1; length <= 3; length++) {
      for (let from = 0; from + length <= order.length; from++) {
        const stretch = order.slice(from, from + length);
        const rest = [...order.slice(0, from), ...order.slice(from + length)];
        for (let to = 0; to <= rest.length; to++) if (to !== from) yield [...rest.slice(0, to), ...stretch, ...rest.slice(to)];
      }
    }
  }

  private *withStretchTurned(order: readonly number[]): Generator<number[]> {
    for (let from = 0; from < order.length; from++) {
      for (let to = from + 1; to < order.length; to++) {
        yield [...order.slice(0, from), ...order.slice(from, to + 1).reverse(), ...order.slice(to + 1)];
      }
    }
  }
}
