import { AppError } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import {
  BEAT_TIMEOUT_MS,
  type ClientReply,
  type ClientRequest,
  type RoomState,
  type SignalData,
} from '../src/shared/protocol/signaling.ts';
import type { Clock } from './clock.ts';
import { LoadWatch } from './load-watch.ts';
import type { PlannerRunner } from './planner-runner.ts';
import { isSameKey, randomHostKey, randomRoomCode } from './room-code.ts';
import { isMeasured, planningProblem } from './room-planning.ts';
import { type Effect, hostIdOf, memberOf, type Notice, newRoom, publicState, type Room } from './room-state.ts';
import { applyToRoom, type RoomEvent } from './rooms.ts';

/** Times that tests shorten, ms. */
export interface StoreTimes {
  /** Changes of the room's state within this time are told together. */
  stateMs: number;
  /** From the last change to planning when everything is measured. */
  settleMs: number;
  /** From the last change to planning when a measurement is still missing. */
  graceMs: number;
  /** From the first unplanned change to planning, however many follow it. */
  patienceMs: number;
  /** How long a room without tabs stays. */
  emptyRoomMs: number;
  /** How long a tab may be silent. */
  beatTimeoutMs: number;
  /** How long a stage that is waited for may load nothing. */
  stallMs: number;
  /** From a failure that may pass to the next try; doubles with every failure of the same device. */
  retryMs: number;
}

export const DEFAULT_TIMES: StoreTimes = {
  stateMs: 60,
  settleMs: 150,
  graceMs: 3000,
  patienceMs: 12_000,
  emptyRoomMs: 10 * 60_000,
  beatTimeoutMs: BEAT_TIMEOUT_MS,
  stallMs: 60_000,
  retryMs: 15_000,
};

/** A server of this size holds a few MB of rooms. */
export const MAX_ROOMS = 1000;

/** A device that fails again and again is tried every quarter of an hour or so. */
const MOST_DOUBLINGS = 6;

/** The way to one tab. */
export type Outlet = (notice: Notice) => void;

interface Slot {
  room: Room;
  outlets: Map<PeerId, Outlet>;
  tabKeys: Map<PeerId, string>;
  lastSeenMs: Map<PeerId, number>;
  cancelState: (() => void) | null;
  cancelReplan: (() => void) | null;
  firstChangeMs: number | null;
  planRequest: number;
  emptySinceMs: number;
  loadWatch: LoadWatch;
  retries: Set<() => void>;
}

/** Every room of the server: keeps the values, runs their effects, and owns every timer. Timers never outlive `close`. */
export class RoomStore {
  private readonly slots = new Map<string, Slot>();
  private readonly planner: PlannerRunner;
  private readonly clock: Clock;
  private readonly times: StoreTimes;
  private cancelSweep: () => void = () => {};
  private closed = false;

  constructor(planner: PlannerRunner, clock: Clock, times: StoreTimes = DEFAULT_TIMES) {
    this.planner = planner;
    this.clock = clock;
    this.times = times;
    this.sweepLater();
  }

  get roomCount(): number {
    return this.slots.size;
  }

  /** @throws AppError `room-full` when the server holds as many rooms as it may, each with somebody in it. */
  create(settings: ClientRequest<'room:create'>['settings']): ClientReply<'room:create'> {
    if (this.slots.size >= MAX_ROOMS) this.removeOldestEmptyRoom();
    let code = randomRoomCode();
    while (this.slots.has(code)) code = randomRoomCode();
    const room = newRoom(code, randomHostKey(), settings);
    this.slots.set(code, {
      room,
      outlets: new Map(),
      tabKeys: new Map(),
      lastSeenMs: new Map(),
      cancelState: null,
      cancelReplan: null,
      firstChangeMs: null,
      planRequest: 0,
      emptySinceMs: this.clock.now(),
      loadWatch: new LoadWatch(),
      retries: new Set(),
    });
    return { code, hostKey: room.hostKey };
  }

  /** @throws AppError `room-not-found`, `room-full`; `not-host` when a host key is given and is not the room's. */
  join(request: ClientRequest<'room:join'>, outlet: Outlet): { peerId: PeerId; isHost: boolean; room: RoomState } {
    const slot = this.slotOf(request.code);
    const hasHostKey = request.hostKey !== null && isSameKey(request.hostKey, slot.room.hostKey);
    if (request.hostKey !== null && !hasHostKey) throw new AppError('not-host', `that is not the key of room ${request.code}`);
    this.replaceEarlierSelf(slot, request.tabKey);
    const peerId = slot.room.nextPeerId;
    const { name, donates, chats } = request;
    const effects = this.change(slot, { kind: 'join', name, donates, chats, hasHostKey });
    slot.outlets.set(peerId, outlet);
    slot.tabKeys.set(peerId, request.tabKey);
    slot.lastSeenMs.set(peerId, this.clock.now());
    this.perform(slot, effects);
    return { peerId, isHost: hostIdOf(slot.room) === peerId, room: publicState(slot.room) };
  }

  leave(code: string, peerId: PeerId): void {
    const slot = this.slots.get(code);
    if (!slot?.outlets.delete(peerId)) return;
    slot.lastSeenMs.delete(peerId);
    slot.tabKeys.delete(peerId);
    if (slot.outlets.size === 0) slot.emptySinceMs = this.clock.now();
    this.perform(slot, this.change(slot, { kind: 'leave', peerId }));
  }

  /** @throws AppError what `applyToRoom` throws. */
  apply(code: string, event: RoomEvent): void {
    const slot = this.slotOf(code);
    this.perform(slot, this.change(slot, event));
  }

  /** Passes a WebRTC signal on inside a room. @throws AppError `peer-not-found`. */
  relay(code: string, from: PeerId, to: PeerId, data: SignalData): void {
    const slot = this.slotOf(code);
    const outlet = memberOf(slot.room, to) && to !== from ? slot.outlets.get(to) : undefined;
    if (!outlet) throw new AppError('peer-not-found', `no other device ${to} in room ${code}`);
    outlet({ event: 'signal', message: { from, data } });
  }

  /** Any message is a sign of life. */
  heardFrom(code: string, peerId: PeerId): void {
    const lastSeenMs = this.slots.get(code)?.lastSeenMs;
    if (lastSeenMs?.has(peerId)) lastSeenMs.set(peerId, this.clock.now());
  }

  close(): void {
    this.closed = true;
    this.cancelSweep();
    for (const code of [...this.slots.keys()]) this.remove(code);
  }

  /** A broken connection may not have been noticed yet, and nobody can reach who was behind it. */
  private replaceEarlierSelf(slot: Slot, tabKey: string): void {
    for (const [peerId, key] of slot.tabKeys) if (isSameKey(key, tabKey)) this.leave(slot.room.code, peerId);
  }

  private slotOf(code: string): Slot {
    const slot = this.slots.get(code);
    if (!slot) throw new AppError('room-not-found', `there is no room ${code}`);
    return slot;
  }

  private change(slot: Slot, event: RoomEvent): Effect[] {
    const { room, effects } = applyToRoom(slot.room, event);
    slot.room = room;
    return effects;
  }

  /** Sends wait for the running message's acknowledgement: a tab learns its id before it hears of plans. */
  private perform(slot: Slot, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'state') this.tellState(slot);
      else if (effect.kind === 'replan') this.replanSoon(slot);
      else if (effect.kind === 'retry') this.retryLater(slot, effect);
      else queueMicrotask(() => this.send(slot, effect.to, effect.notice));
    }
  }

  private send(slot: Slot, to: PeerId | 'all', notice: Notice): void {
    const outlets = to === 'all' ? [...slot.outlets.values()] : [slot.outlets.get(to)];
    for (const outlet of outlets) outlet?.(notice);
  }

  private tellState(slot: Slot): void {
    slot.cancelState ??= this.clock.after(this.times.stateMs, () => {
      slot.cancelState = null;
      this.send(slot, 'all', { event: 'room:state', message: publicState(slot.room) });
    });
  }

  private replanSoon(slot: Slot): void {
    const nowMs = this.clock.now();
    slot.firstChangeMs ??= nowMs;
    slot.cancelReplan?.();
    const waitMs = isMeasured(slot.room) ? this.times.settleMs : this.times.graceMs;
    const leftMs = Math.max(0, slot.firstChangeMs + this.times.patienceMs - nowMs);
    slot.cancelReplan = this.clock.after(Math.min(waitMs, leftMs), () => void this.replan(slot));
  }

  private async replan(slot: Slot): Promise<void> {
    slot.cancelReplan = null;
    slot.firstChangeMs = null;
    const asked = planningProblem(slot.room);
    if (!asked || slot.outlets.size === 0) return;
    const request = ++slot.planRequest;
    const result = await this.planner.plan(slot.room.code, asked);
    if (!result || this.closed || request !== slot.planRequest) return;
    this.perform(slot, this.change(slot, { kind: 'planned', asked, result }));
  }

  private retryLater(slot: Slot, { peerId, problem, failures }: Extract<Effect, { kind: 'retry' }>): void {
    const waitMs = this.times.retryMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS);
    const cancel = this.clock.after(waitMs, () => {
      slot.retries.delete(cancel);
      this.perform(slot, this.change(slot, { kind: 'retry', peerId, problem }));
    });
    slot.retries.add(cancel);
  }

  private sweepLater(): void {
    this.cancelSweep = this.clock.after(Math.min(1000, this.times.beatTimeoutMs / 4), () => {
      this.sweep();
      this.sweepLater();
    });
  }

  private sweep(): void {
    const nowMs = this.clock.now();
    for (const [code, slot] of this.slots) {
      for (const [peerId, lastMs] of slot.lastSeenMs) {
        if (nowMs - lastMs > this.times.beatTimeoutMs) this.drop(slot, peerId, nowMs - lastMs);
      }
      this.giveUpStalled(slot, nowMs);
      if (slot.outlets.size === 0 && nowMs - slot.emptySinceMs > this.times.emptyRoomMs) this.remove(code);
    }
  }

  private giveUpStalled(slot: Slot, nowMs: number): void {
    const epoch = slot.room.preparing?.epoch;
    if (epoch === undefined) return;
    for (const { peerId, error } of slot.loadWatch.stalled(slot.room, nowMs, this.times.stallMs)) {
      this.perform(slot, this.change(slot, { kind: 'failed', peerId, epoch, error: error.toReport() }));
    }
  }

  private drop(slot: Slot, peerId: PeerId, silentMs: number): void {
    const message = `nothing was heard from this device for ${(silentMs / 1000).toFixed(1)} s, ${this.times.beatTimeoutMs / 1000} s are allowed`;
    slot.outlets.get(peerId)?.({ event: 'dropped', message: { error: { code: 'dropped', message } } });
    this.leave(slot.room.code, peerId);
  }

  private removeOldestEmptyRoom(): void {
    const empty = [...this.slots.values()].filter((slot) => slot.outlets.size === 0);
    const oldest = empty.sort((a, b) => a.emptySinceMs - b.emptySinceMs)[0];
    if (!oldest) throw new AppError('room-full', `this server holds ${this.slots.size} rooms, the most that it may`);
    this.remove(oldest.room.code);
  }

  private remove(code: string): void {
    const slot = this.slots.get(code);
    slot?.cancelState?.();
    slot?.cancelReplan?.();
    for (const cancel of slot?.retries ?? []) cancel();
    this.slots.delete(code);
  }
}
