import { AppError } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Joined, RoomSeed, RoomState, SignalData } from '../src/shared/protocol/signaling.ts';
import type { Clock } from './clock.ts';
import { droppedNotice, removedError, silentError } from './dropped.ts';
import { HostOffer } from './host-offer.ts';
import { HungReports } from './hung-reports.ts';
import { Knocks } from './knocks.ts';
import { LoadWatch } from './load-watch.ts';
import { type Outlet, Places, type Silent } from './places.ts';
import type { PlannerRunner } from './planner-runner.ts';
import type { RenewedLinks } from './renewed-links.ts';
import { Replanner } from './replanner.ts';
import { Retries } from './retries.ts';
import { hashOfKey, isSameKey, randomHostKey, randomJoinKey } from './room-code.ts';
import { applyToRoom, type RoomEvent } from './room-events.ts';
import { RoomPast } from './room-past.ts';
import { RoomSeals } from './room-seal.ts';
import { type Effect, hostsOf, memberOf, type Notice, publicState, type Room, STATE, type Step } from './room-state.ts';
import type { RoomTimes } from './room-times.ts';
import { StateTeller } from './state-teller.ts';

export interface ActorOptions {
  planner: PlannerRunner;
  clock: Clock;
  times: RoomTimes;
  /** What its state is sealed with. */
  secret: Buffer;
  renewedLinks: RenewedLinks;
}

/** Who comes in, after it was decided that it may. */
export interface Newcomer {
  tabKey: string;
  name: string;
  donates: boolean;
  chats: boolean;
  hostKeyHash: string | null;
}

export type Entered = Omit<Joined, 'iceServers'>;

/** One room: keeps its value, runs its effects, and owns its timers, which never outlive `close`. */
export class RoomActor {
  private readonly options: ActorOptions;
  private readonly places: Places;
  private readonly state: StateTeller;
  private readonly offer: HostOffer;
  private readonly loadWatch = new LoadWatch();
  private readonly retries: Retries;
  private readonly knocks: Knocks;
  private value: Room;
  private readonly replanner: Replanner;
  private readonly hungReports: HungReports;
  private readonly seals: RoomSeals;
  private readonly past: RoomPast | null;
  private closed = false;

  /** @param seed that the room was made of: all its members are away. None for a new room */
  constructor(room: Room, seed: RoomSeed | null, options: ActorOptions) {
    this.value = room;
    this.options = options;
    this.places = new Places(options.clock);
    this.seals = new RoomSeals(options.secret, room.code, options.clock, seed?.seal.dateMs ?? 0);
    this.past = seed && new RoomPast(seed, room, this.seals.nextMs(), options.clock.now() + options.times.graceMs);
    this.retries = new Retries(options.clock, options.times.retryMs, (retry) => this.apply({ kind: 'retry', ...retry }));
    this.offer = new HostOffer(options.times.hostlessMs);
    this.hungReports = new HungReports(options.clock);
    this.knocks = new Knocks(options.clock, options.times.knockMs, room.code);
    this.replanner = new Replanner({
      ...options,
      room: () => this.value,
      onPlanned: (asked, result) => this.perform(this.change({ kind: 'planned', asked, result })),
      onFault: (thrown) => this.unplannable(thrown),
    });
    this.places.keepFor(this.value.members);
    this.state = new StateTeller(
      options.clock,
      () => this.sealedState(),
      (message) => this.send('all', { event: 'room:change', message }),
    );
  }

  get room(): Room {
    return this.value;
  }

  /** The place that this tab has here, by the key that only it knows. */
  placeOf(tabKey: string): PeerId | null {
    const hash = hashOfKey(tabKey);
    return this.value.members.find((member) => isSameKey(member.tabKeyHash, hash))?.peerId ?? null;
  }

  /** @throws AppError room-full */
  admit({ tabKey, ...who }: Newcomer, outlet: Outlet): Entered {
    const peerId = this.value.nextPeerId;
    return this.seat(peerId, this.change({ kind: 'join', ...who, tabKeyHash: hashOfKey(tabKey) }), outlet);
  }

  /** The tab that has this place is there again; whatever connection it had before speaks for nobody. */
  takeBack(peerId: PeerId, { donates, chats, hostKeyHash }: Newcomer, outlet: Outlet): Entered {
    return this.seat(peerId, this.change({ kind: 'back', peerId, donates, chats, hostKeyHash }), outlet);
  }

  /** Its connection is lost; it keeps its place for a while. Another connection that has the place by now keeps it. */
  away(peerId: PeerId, outlet: Outlet): void {
    if (!this.isAt(peerId, outlet)) return;
    this.places.vacate(peerId);
    this.perform(this.change({ kind: 'away', peerId }));
  }

  /** False for a connection whose tab has come back over another one, or was removed: it speaks for nobody. */
  isAt(peerId: PeerId, outlet: Outlet): boolean {
    return !this.closed && this.places.isAt(peerId, outlet);
  }

  leave(peerId: PeerId, outlet: Outlet): void {
    if (this.isAt(peerId, outlet)) this.apply({ kind: 'leave', peerId });
  }

  /** @throws AppError what `applyToRoom` throws. */
  apply(event: RoomEvent): void {
    this.perform(this.change(event));
  }

  /** What another tab heard of the room before it was made anew. @throws AppError bad-message when the seed contradicts itself */
  learn(seed: RoomSeed): void {
    const step = this.past?.learn(this.value, seed, this.options.clock.now());
    if (!step) return;
    const barred = this.value.members.filter(({ tabKeyHash }) => step.room.barred.includes(tabKeyHash));
    for (const { peerId } of barred) this.places.outletOf(peerId)?.(droppedNotice(removedError(this.value.code)));
    this.perform(this.take(step));
    this.places.keepFor(this.value.members);
  }

  /** Passes a WebRTC signal on. @throws AppError `peer-not-found` */
  relay(from: PeerId, to: PeerId, data: SignalData): void {
    const outlet = to === from ? null : this.places.outletOf(to);
    if (!outlet) throw new AppError('peer-not-found', `no other device ${to} in room ${this.value.code}`);
    outlet({ event: 'signal', message: { from, data } });
  }

  /** Any message is a sign of life. */
  heardFrom(peerId: PeerId): void {
    this.places.heardFrom(peerId);
  }

  /** A chat waits in vain for a stage. Each is believed once for each plan, and not again and again. */
  reportHung(from: PeerId, epoch: number, peerId: PeerId): void {
    if (memberOf(this.value, from)?.chats) this.hungReports.add(this.value.plan, { epoch, peerId });
    this.believeHungReports();
  }

  /** Host only: lets in who knocks, or not. @throws AppError not-host, peer-not-found for one who has gone */
  answerKnock(hostId: PeerId, knockId: number, allow: boolean): void {
    if (!hostsOf(this.value).includes(hostId)) {
      throw new AppError('not-host', `only a host of room ${this.value.code} may let somebody in`);
    }
    this.knocks.answer(knockId, allow);
  }

  /** Host only. @throws AppError not-host, peer-not-found */
  remove(hostId: PeerId, target: PeerId): void {
    const outlet = this.places.outletOf(target);
    const effects = this.change({ kind: 'remove', peerId: hostId, target, joinKey: randomJoinKey() });
    outlet?.(droppedNotice(removedError(this.value.code)));
    this.perform(effects);
  }

  /** The answer of the chat that the rights are offered to. @returns its key @throws AppError not-host */
  takeHost(peerId: PeerId, accept: boolean): string | null {
    if (!accept) {
      this.offer.decline(peerId);
      this.offerRights();
      return null;
    }
    const key = randomHostKey();
    this.apply({ kind: 'take-host', peerId, keyHash: hashOfKey(key) });
    return key;
  }

  /**
   * Waits until a host has decided.
   * @throws AppError not-allowed, nobody-allows, room-full; server-unreachable when it stops; stopped when the signal aborts
   */
  async knock({ name, donates, chats }: Newcomer, signal: AbortSignal): Promise<void> {
    const knockId = this.value.nextKnockId;
    this.apply({ kind: 'knock', name, donates, chats });
    await this.knocks.wait(knockId, signal).finally(() => this.apply({ kind: 'knock-over', knockId }));
  }

  /** To be called every second or so. */
  sweep(): void {
    const { beatTimeoutMs, graceMs } = this.options.times;
    for (const silent of this.places.silentFor(beatTimeoutMs)) this.dropSilent(silent);
    for (const peerId of this.places.awayFor(graceMs)) this.apply({ kind: 'leave', peerId });
    this.giveUpStalled();
    this.believeHungReports();
    this.offerRights();
    if (this.seals.isDue()) this.state.soon(this.options.times.stateMs);
  }

  /** True when nobody has been here for so long that the room is over. */
  isOver(): boolean {
    return this.knocks.size === 0 && this.places.emptyMs() > this.options.times.emptyRoomMs;
  }

  close(): void {
    this.closed = true;
    this.state.close();
    this.replanner.close();
    this.retries.close();
    this.knocks.close();
  }

  /** Everybody else hears of it before the tab gets the state that it starts from: from then on all hear the same changes. */
  private seat(peerId: PeerId, effects: readonly Effect[], outlet: Outlet): Entered {
    const room = this.state.now();
    this.places.take(peerId, outlet);
    this.perform(effects);
    return { peerId, isHost: room.hosts.includes(peerId), room };
  }

  private change(event: RoomEvent): Effect[] {
    return this.take(applyToRoom(this.value, event));
  }

  private take({ room, effects }: Step): Effect[] {
    const { code, joinKey } = room;
    const isRenewed = joinKey !== this.value.joinKey;
    if (isRenewed) this.options.renewedLinks.note(code, joinKey, this.seals.nextMs());
    this.value = room;
    const present = new Set(room.members.map(({ peerId }) => peerId));
    this.places.keepOnly(present);
    // From now on no tab can bring the room back with what it knew before.
    if (isRenewed) this.state.now();
    return effects;
  }

  private sealedState(): RoomState {
    const state = publicState(this.value);
    return { ...state, seal: this.seals.seal(state) };
  }

  /** Sends wait until every promise of the running message has settled: a tab learns its id before it hears of plans. */
  private perform(effects: readonly Effect[]): void {
    if (this.closed) return;
    for (const effect of effects) {
      if (effect.kind === 'state') this.state.soon(this.options.times.stateMs);
      else if (effect.kind === 'progress') this.state.soon(this.options.times.progressMs);
      else if (effect.kind === 'replan') this.replanner.soon();
      else if (effect.kind === 'retry') this.retries.later(effect);
      else setImmediate(() => this.sendInOrder(effect.to, effect.notice));
    }
  }

  /** What a tab does for a plan it can bring back to a server that has forgotten it: so it knows the room of that plan before. */
  private sendInOrder(to: PeerId | 'all', notice: Notice): void {
    if (this.closed) return;
    if (notice.event === 'plan:prepare' || notice.event === 'plan:activate') this.state.now();
    this.send(to, notice);
  }

  private send(to: PeerId | 'all', notice: Notice): void {
    for (const outlet of to === 'all' ? this.places.outlets() : [this.places.outletOf(to)]) outlet?.(notice);
  }

  /** A fault of our own in one room's plan is that room's problem, and not the end of all the others. */
  private unplannable(thrown: unknown): void {
    const problem = AppError.from(thrown).toReport();
    this.perform(this.take({ room: { ...this.value, problem }, effects: [STATE] }));
  }

  private giveUpStalled(): void {
    const epoch = this.value.preparing?.epoch;
    if (epoch === undefined) return;
    for (const { peerId, error } of this.loadWatch.stalled(this.value, this.options.clock.now(), this.options.times.stallMs)) {
      this.apply({ kind: 'failed', peerId, epoch, error: error.toReport() });
    }
  }

  private offerRights(): void {
    const to = this.offer.next(this.value, this.options.clock.now());
    if (to !== this.value.offeredTo) this.apply({ kind: 'offer', to });
  }

  private believeHungReports(): void {
    const { plan } = this.value;
    const report = plan && this.hungReports.believed(plan.epoch);
    if (!report) return;
    const error = new AppError('stage-hung', 'this device does not come back from its part of an answer').toReport();
    this.apply({ kind: 'failed', ...report, error });
  }

  /** It is told, in case that it hears: then it comes back at once. */
  private dropSilent({ peerId, outlet, silentMs }: Silent): void {
    outlet(droppedNotice(silentError(silentMs, this.options.times.beatTimeoutMs)));
    this.away(peerId, outlet);
  }
}
