import { AppError } from '../src/shared/errors.ts';
import type { ClientReply, ClientRequest, RoomSeed } from '../src/shared/protocol/signaling.ts';
import { AddressLimits } from './address-limits.ts';
import type { ClientAddress } from './client-address.ts';
import type { Clock } from './clock.ts';
import { removedError } from './dropped.ts';
import { hashPassphrase, isPassphrase } from './passphrase.ts';
import type { Outlet } from './places.ts';
import type { PlannerRunner } from './planner-runner.ts';
import type { RenewedLinks } from './renewed-links.ts';
import { type Entered, type Newcomer, RoomActor } from './room-actor.ts';
import { hashOfKey, isSameKey, randomHostKey, randomJoinKey, randomRoomCode } from './room-code.ts';
import { isSealed, SEAL_LIFETIME_MS } from './room-seal.ts';
import { roomOfSeed } from './room-seed.ts';
import { hasHostKey, newRoom, type Room } from './room-state.ts';
import { DEFAULT_TIMES, type RoomTimes } from './room-times.ts';

/** A server of this size holds a few MB of rooms. */
export const MAX_ROOMS = 1000;

export interface DirectoryOptions {
  planner: PlannerRunner;
  clock: Clock;
  /** What this server seals rooms with: one that has forgotten them and has the same secret makes them anew. */
  secret: Buffer;
  /** Of rooms of this and earlier servers. */
  renewedLinks: RenewedLinks;
  times?: Partial<RoomTimes>;
  /** Counts tries from this machine as well. */
  limitsLoopback?: boolean;
}

/** The connection that a request came over. */
export interface Caller {
  outlet: Outlet;
  address: ClientAddress;
  /** Aborted when the connection is gone. */
  signal: AbortSignal;
}

/** A tab in a room. */
export interface Seat {
  room: RoomActor;
  entered: Entered;
}

type Identity = Omit<ClientRequest<'room:join'>, 'version'>;

/** Every room of the server, and who is let into which. */
export class RoomDirectory {
  private readonly rooms = new Map<string, RoomActor>();
  private readonly planner: PlannerRunner;
  private readonly clock: Clock;
  private readonly secret: Buffer;
  private readonly renewedLinks: RenewedLinks;
  private readonly times: RoomTimes;
  private readonly limits: AddressLimits;
  private cancelSweep: () => void = () => {};

  constructor({ planner, clock, secret, renewedLinks, times, limitsLoopback = false }: DirectoryOptions) {
    this.planner = planner;
    this.clock = clock;
    this.secret = secret;
    this.renewedLinks = renewedLinks;
    this.times = { ...DEFAULT_TIMES, ...times };
    this.limits = new AddressLimits(clock, limitsLoopback);
    this.sweepLater();
  }

  get roomCount(): number {
    return this.rooms.size;
  }

  /** @throws AppError server-full, too-many-tries; nobody else's room makes place for a new one */
  async create(
    { settings, passphrase }: Omit<ClientRequest<'room:create'>, 'version'>,
    { address }: Pick<Caller, 'address'>,
  ): Promise<ClientReply<'room:create'>> {
    this.requirePlace();
    this.limits.count('created-room', address);
    const passphraseHash = passphrase === null ? null : await hashPassphrase(passphrase);
    let code = randomRoomCode();
    while (this.rooms.has(code)) code = randomRoomCode();
    const [hostKey, joinKey] = [randomHostKey(), randomJoinKey()];
    this.open(newRoom(code, { hostKeyHashes: [hashOfKey(hostKey)], joinKey, passphraseHash }, settings), null);
    return { code, hostKey, joinKey };
  }

  /**
   * Lets a tab into a room: into the place that it has, or with a key at once, or when a host allows it.
   * @throws AppError room-not-found, room-full, removed, passphrase-needed, passphrase-wrong, not-allowed, nobody-allows, too-many-tries
   */
  async join(identity: Identity, caller: Caller): Promise<Seat> {
    const room = this.rooms.get(identity.code);
    if (!room) {
      this.limits.count('failed-join', caller.address);
      throw notFound(identity.code);
    }
    return this.enter(room, identity, caller);
  }

  /**
   * The same for a tab that was in the room before; a room that this server does not know is made of what the tab was told of it.
   * @throws AppError as `join` does; room-not-found for a room that no server of the same secret has told of within a day, or that has had
   *   another link since; bad-message, server-full, too-many-tries
   */
  async resume({ room: seed, ...identity }: Omit<ClientRequest<'room:resume'>, 'version'>, caller: Caller): Promise<Seat> {
    if (!isSealed(this.secret, identity.code, seed)) throw notFound(identity.code);
    const isOutdated = await this.renewedLinks.isOutdated(identity.code, seed);
    const known = this.rooms.get(identity.code);
    if (!known) {
      if (isOutdated || this.clock.dateMs() - seed.seal.dateMs > SEAL_LIFETIME_MS) throw notFound(identity.code);
      this.requirePlace();
      this.limits.count('resumed-room', caller.address);
      return this.enter(this.open(roomOfSeed(identity.code, seed, this.clock.dateMs()), seed), identity, caller);
    }
    // Another room may have the same code by now.
    if (seed.hostKeyHashes[0] !== known.room.hostKeyHashes[0]) throw notFound(identity.code);
    known.learn(seed);
    return this.enter(known, identity, caller);
  }

  /** @throws AppError room-not-found */
  room(code: string): RoomActor {
    const room = this.rooms.get(code);
    if (!room) throw notFound(code);
    return room;
  }

  close(): void {
    this.cancelSweep();
    for (const room of this.rooms.values()) room.close();
    this.rooms.clear();
  }

  private async enter(room: RoomActor, identity: Identity, caller: Caller): Promise<Seat> {
    return { room, entered: await this.letIn(room, identity, caller) };
  }

  private async letIn(room: RoomActor, identity: Identity, caller: Caller): Promise<Entered> {
    const who = newcomer(identity);
    const known = this.seatKnown(room, who, caller);
    if (known) return known;
    if (!hasLink(room.room, identity) || room.room.passphraseHash !== null)
      this.limits.requireLeft('failed-join', caller.address);
    await this.checkPassphrase(room.room, identity, caller);
    // Much may have happened since it asked: it was removed, the link renewed, its place taken over another connection.
    const since = this.seatKnown(room, who, caller);
    if (since) return since;
    if (hasLink(room.room, identity)) return room.admit(who, caller.outlet);
    // Counted until a host lets it in: else knocks that are withdrawn cost nothing.
    this.limits.count('failed-join', caller.address);
    await room.knock(who, caller.signal);
    this.limits.giveBack('failed-join', caller.address);
    return this.seatKnown(room, who, caller) ?? room.admit(who, caller.outlet);
  }

  /** @returns null for one who has neither a place nor a host key @throws AppError removed, room-not-found when the room is over by now */
  private seatKnown(room: RoomActor, who: Newcomer, { outlet }: Caller): Entered | null {
    const { code, barred } = room.room;
    if (this.rooms.get(code) !== room) throw notFound(code);
    const tabKeyHash = hashOfKey(who.tabKey);
    if (barred.some((hash) => isSameKey(hash, tabKeyHash))) throw removedError(code);
    const place = room.placeOf(who.tabKey);
    if (place !== null) return room.takeBack(place, who, outlet);
    return hasHostKey(room.room, who) ? room.admit(who, outlet) : null;
  }

  /** @throws AppError passphrase-needed, passphrase-wrong, too-many-tries */
  private async checkPassphrase({ code, passphraseHash }: Room, { passphrase }: Identity, { address }: Caller): Promise<void> {
    if (passphraseHash === null) return;
    if (passphrase === null) throw new AppError('passphrase-needed', `room ${code} asks for its passphrase`);
    if (await isPassphrase(passphrase, passphraseHash)) return;
    this.limits.count('failed-join', address);
    throw new AppError('passphrase-wrong', `that is not the passphrase of room ${code}`);
  }

  private open(room: Room, seed: RoomSeed | null): RoomActor {
    const { planner, clock, times, secret, renewedLinks } = this;
    const actor = new RoomActor(room, seed, { planner, clock, times, secret, renewedLinks });
    this.rooms.set(room.code, actor);
    return actor;
  }

  private requirePlace(): void {
    if (this.rooms.size < MAX_ROOMS) return;
    throw new AppError('server-full', `this server holds ${this.rooms.size} rooms, the most that it may`, {
      values: { rooms: this.rooms.size },
    });
  }

  private sweepLater(): void {
    this.cancelSweep = this.clock.after(Math.min(1000, this.times.beatTimeoutMs / 4, this.times.graceMs / 4), () => {
      for (const [code, room] of this.rooms) {
        room.sweep();
        if (!room.isOver()) continue;
        room.close();
        this.rooms.delete(code);
      }
      this.sweepLater();
    });
  }
}

function hasLink(room: Room, { joinKey }: Identity): boolean {
  return joinKey !== null && isSameKey(joinKey, room.joinKey);
}

function newcomer({ hostKey, tabKey, name, donates, chats }: Identity): Newcomer {
  return { tabKey, name, donates, chats, hostKeyHash: hostKey === null ? null : hashOfKey(hostKey) };
}

function notFound(code: string): AppError {
  return new AppError('room-not-found', `there is no room ${code}`, { values: { code } });
}
