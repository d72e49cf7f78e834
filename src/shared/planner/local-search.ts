import type { CostTables } from './cost.ts';
import { SAME } from './frontier.ts';
import { type LayerView, layersWithin } from './layer-view.ts';

/** What a missing layer or link costs a chain on its way to a possible one, ms. */
const MISSING_MS = 1e7;
/** A chain dearer than this is none, ms. */
const NONE_MS = MISSING_MS / 2;
/** Where a chain comes from and goes to. */
const SOURCE = -1;

/**
 * Improves orders of devices by small changes: turn a stretch round, move a stretch, put a device in, leave one out,
 * exchange one for another. Layers go to the fastest devices of the order first, which is exact when layers are equal.
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
  private readonly hopMs: Float64Array;
  private readonly width: number;
  private readonly isUsed: Uint8Array;

  constructor(tables: CostTables, view: LayerView, devices: readonly number[], capMs: number) {
    const cap = capMs * (1 + SAME);
    const all = [...tables.peerIds.keys()];
    const under = (busyMs: number, ms: number) => (busyMs <= cap && Number.isFinite(ms) ? ms : MISSING_MS);
    const most = (d: number, fixedMs: number, freeLayers: number) => layersWithin(cap, fixedMs, view.layerMs[d]!, freeLayers);
    this.tables = tables;
    this.layerMs = view.layerMs;
    this.bySpeed = [...devices].sort((a, b) => view.layerMs[a]! - view.layerMs[b]!);
    this.width = all.length;
    this.most = Int32Array.from(all, (d) => most(d, tables.overheadMs[d]!, view.freeLayers[d]!));
    this.mostWithHead = Int32Array.from(all, (d) =>
      most(d, tables.overheadMs[d]! + tables.headBusyMs[d]!, view.freeLayersWithHead[d]!),
    );
    this.startMs = Float64Array.from(all, (d) => under(tables.entryBusyMs[d]!, tables.entryMs[d]!));
    this.endMs = Float64Array.from(all, (d) => under(tables.exitBusyMs[d]!, tables.exitMs[d]! + tables.headMs[d]!));
    this.hopMs = Float64Array.from(all.flatMap((a) => all.map((b) => under(tables.hopBusyMs[a]![b]!, tables.hopMs[a]![b]!))));
    this.isUsed = new Uint8Array(all.length);
  }

  /** Layers that the devices could take under the cap, all together. */
  freeLayers(): number {
    const mostOf = (device: number) => Math.max(this.most[device]!, this.mostWithHead[device]!);
    return this.bySpeed.reduce((sum, device) => sum + mostOf(device), 0);
  }

  isPossible(ms: number): boolean {
    return ms < NONE_MS;
  }

  /** One pass along the order, ms; missing layers and links count as very slow ones. */
  passMs(order: readonly number[]): number {
    const last = order.at(-1);
    return last === undefined ? Number.POSITIVE_INFINITY : this.linksMs(order) + this.stagesMs(order, last);
  }

  /** @returns an order that no single change makes better. */
  improve(start: readonly number[], isLate: () => boolean): { order: number[]; ms: number } {
    let order = this.completed(start);
    for (;;) {
      order = this.reordered(order, isLate);
      const exchanged = isLate() ? null : this.exchanged(order);
      if (!exchanged) return { order, ms: this.passMs(order) };
      order = exchanged;
    }
  }

  private linksMs(order: readonly number[]): number {
    let ms = this.tables.sourceMs;
    for (let i = 0; i <= order.length; i++) ms += this.stepMs(order[i - 1] ?? SOURCE, order[i] ?? SOURCE);
    return ms;
  }

  private stepMs(from: number, to: number): number {
    if (from === SOURCE) return to === SOURCE ? 0 : this.startMs[to]!;
    return to === SOURCE ? this.endMs[from]! : this.hopMs[from * this.width + to]!;
  }

  /** All layers on exactly these devices, fastest first, and their fixed costs, ms. */
  private stagesMs(devices: readonly number[], last: number): number {
    let left = this.tables.nLayers - devices.length;
    if (left < 0) return Number.POSITIVE_INFINITY;
    let ms = 0;
    this.isUsed.fill(0);
    for (const device of devices) {
      this.isUsed[device] = 1;
      ms += this.layerMs[device]! + this.tables.overheadMs[device]!;
      if (this.mostOf(device, last) < 1) ms += MISSING_MS;
    }
    for (let i = 0; i < this.bySpeed.length && left > 0; i++) {
      const device = this.bySpeed[i]!;
      if (this.isUsed[device] === 0) continue;
      const more = Math.min(left, Math.max(0, this.mostOf(device, last) - 1));
      ms += more * this.layerMs[device]!;
      left -= more;
    }
    return ms + left * MISSING_MS;
  }

  private mostOf(device: number, last: number): number {
    return device === last ? this.mostWithHead[device]! : this.most[device]!;
  }

  /** The order with more devices until all layers have room: however late it is, only then is it a plan. */
  private completed(start: readonly number[]): number[] {
    let order = [...start];
    while (!this.isPossible(this.passMs(order))) {
      const unused = this.bySpeed.filter((device) => !order.includes(device));
      const longer = this.bestInsertion(order, unused, { ms: this.passMs(order), order: [] }).order;
      if (longer.length === 0) return order;
      order = longer;
    }
    return order;
  }

  /** The same devices in a better order: stretches are moved and turned until that helps no more. */
  private reordered(start: readonly number[], isLate: () => boolean): number[] {
    let order = [...start];
    for (let better = this.betterOrder(order); better && !isLate(); better = this.betterOrder(order)) order = better;
    return order;
  }

  private betterOrder(order: readonly number[]): number[] | null {
    let best: { gainMs: number; order: number[] } = { gainMs: SAME * this.passMs(order), order: [] };
    const known = new Map<number, number>();
    const stagesMs = (last: number) => {
      if (!known.has(last)) known.set(last, this.stagesMs(order, last));
      return known.get(last)!;
    };
    for (let from = 0; from < order.length; from++) {
      for (let to = from; to < order.length; to++) {
        const headMs = to === order.length - 1 ? stagesMs(order[to]!) - stagesMs(order[from]!) : 0;
        const turned = this.turnGainMs(order, from, to) + headMs;
        if (turned > best.gainMs) {
          const next = [...order.slice(0, from), ...order.slice(from, to + 1).reverse(), ...order.slice(to + 1)];
          best = { gainMs: turned, order: next };
        }
        if (to - from < MAX_MOVED) best = this.bestMove(order, from, to, best, stagesMs);
      }
    }
    return best.order.length > 0 ? best.order : null;
  }

  private turnGainMs(order: readonly number[], from: number, to: number): number {
    if (from === to) return 0;
    let gainMs = this.stepMs(order[from - 1] ?? SOURCE, order[from]!) + this.stepMs(order[to]!, order[to + 1] ?? SOURCE);
    gainMs -= this.stepMs(order[from - 1] ?? SOURCE, order[to]!) + this.stepMs(order[from]!, order[to + 1] ?? SOURCE);
    for (let i = from; i < to; i++) gainMs += this.stepMs(order[i]!, order[i + 1]!) - this.stepMs(order[i + 1]!, order[i]!);
    return gainMs;
  }

  private bestMove(
    order: readonly number[],
    from: number,
    to: number,
    known: { gainMs: number; order: number[] },
    stagesMs: (last: number) => number,
  ): { gainMs: number; order: number[] } {
    const [first, last] = [order[from]!, order[to]!];
    const [before, after] = [order[from - 1] ?? SOURCE, order[to + 1] ?? SOURCE];
    const cutMs = this.stepMs(before, first) + this.stepMs(last, after) - this.stepMs(before, after);
    let best = known;
    const rest = [...order.slice(0, from), ...order.slice(to + 1)];
    for (let at = 0; at <= rest.length; at++) {
      if (at === from) continue;
      const [left, right] = [rest[at - 1] ?? SOURCE, rest[at] ?? SOURCE];
      const end = right === SOURCE ? last : rest.at(-1)!;
      const headGainMs = end === order.at(-1) ? 0 : stagesMs(order.at(-1)!) - stagesMs(end);
      const gainMs = cutMs + this.stepMs(left, right) - this.stepMs(left, first) - this.stepMs(last, right) + headGainMs;
      if (gainMs > best.gainMs) {
        best = { gainMs, order: [...rest.slice(0, at), ...order.slice(from, to + 1), ...rest.slice(at)] };
      }
    }
    return best;
  }

  /** The order with one device more, one less, or one in place of another, where that is better. */
  private exchanged(order: readonly number[]): number[] | null {
    const unused = this.bySpeed.filter((device) => !order.includes(device));
    let best: { ms: number; order: number[] } = { ms: this.passMs(order) * (1 - SAME), order: [] };
    for (let out = -1; out < order.length; out++) {
      const rest = out < 0 ? [...order] : [...order.slice(0, out), ...order.slice(out + 1)];
      if (rest.length > 0 && out >= 0) {
        const ms = this.passMs(rest);
        if (ms < best.ms) best = { ms, order: rest };
      }
      best = this.bestInsertion(rest, unused, best);
    }
    return best.order.length > 0 ? best.order : null;
  }

  private bestInsertion(
    rest: readonly number[],
    unused: readonly number[],
    known: { ms: number; order: number[] },
  ): { ms: number; order: number[] } {
    let best = known;
    const linksMs = this.linksMs(rest);
    const last = rest.at(-1) ?? SOURCE;
    for (const device of unused) {
      const devices = [...rest, device];
      const inside = linksMs + this.stagesMs(devices, last);
      const atEnd = linksMs + this.stagesMs(devices, device);
      for (let at = 0; at <= rest.length; at++) {
        const [left, right] = [rest[at - 1] ?? SOURCE, rest[at] ?? SOURCE];
        const detourMs = this.stepMs(left, device) + this.stepMs(device, right) - this.stepMs(left, right);
        const ms = (at === rest.length ? atEnd : inside) + detourMs;
        if (ms < best.ms) best = { ms, order: [...rest.slice(0, at), device, ...rest.slice(at)] };
      }
    }
    return best;
  }
}

/** Longest stretch that is moved as a whole, devices. */
const MAX_MOVED = 3;
