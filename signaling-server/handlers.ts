import type { Logger } from 'pino';
import type { Socket } from 'socket.io';
import * as v from 'valibot';
import { AppError } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import {
  type ClientEvent,
  type ClientReply,
  type ClientRequest,
  clientEvents,
  type IceServers,
  type Joined,
  PROTOCOL_VERSION,
  type Result,
} from '../src/shared/protocol/signaling.ts';
import type { ClientAddress } from './client-address.ts';
import type { Clock } from './clock.ts';
import type { RoomActor } from './room-actor.ts';
import { randomJoinKey } from './room-code.ts';
import type { RoomDirectory, Seat } from './room-directory.ts';
import type { RoomEvent } from './room-events.ts';
import type { Notice } from './room-state.ts';
import { TokenBucket } from './token-bucket.ts';

/** Joining a room of 32 takes about six signals for each of the others at once; afterwards a few a second are usual. */
const BURST_MESSAGES = 400;
const MESSAGES_PER_SECOND = 50;
/** What a socket says when the page itself closed it, and not the network. */
const CLOSED_BY_PAGE = 'client namespace disconnect';
/** These name the version that they speak, before anything else of them is read. */
const VERSIONED: ReadonlySet<string> = new Set(['room:create', 'room:join', 'room:resume']);

export interface HandlerOptions {
  directory: RoomDirectory;
  clock: Clock;
  log: Logger;
  addressOf(socket: Socket): ClientAddress;
  /** What a tab that came over this host name should use to find its addresses. */
  iceServersFor(hostHeader: string): IceServers;
}

/**
 * Gives one connection its voice: every message is counted, checked against its schema, acted upon, and acknowledged
 * with a Result. Nothing that arrives can throw out of here.
 */
export function handleSocket(socket: Socket, options: HandlerOptions): void {
  const session = new Session(socket, options);
  const allowance = new TokenBucket(BURST_MESSAGES, MESSAGES_PER_SECOND, options.clock);
  const refused = new RefusedMessages(options.log);
  const answer = (event: string, request: unknown) => {
    if (!allowance.take()) throw new AppError('rate-limited', `more than ${MESSAGES_PER_SECOND} messages a second`);
    return session.answer(event, request);
  };
  socket.onAny((event: string, ...args: unknown[]) => {
    const last = args.at(-1);
    const acknowledge = (result: Result<unknown>) => {
      if (!result.ok && result.error.code === 'bad-message') refused.count(event);
      if (typeof last === 'function') last(result);
    };
    settle(() => answer(event, args[0]), acknowledge);
  });
  socket.on('disconnect', (reason) => {
    session.disconnected(reason === CLOSED_BY_PAGE);
    refused.end();
  });
}

/** At once where the answer is there at once, so that acknowledgements keep the order of what was asked. */
function settle(act: () => unknown, acknowledge: (result: Result<unknown>) => void): void {
  const fail = (thrown: unknown) => acknowledge({ ok: false, error: AppError.from(thrown).toReport() });
  try {
    const value = act();
    if (value instanceof Promise) value.then((late) => acknowledge({ ok: true, value: late }), fail);
    else acknowledge({ ok: true, value });
  } catch (thrown) {
    fail(thrown);
  }
}

/** Messages that do not fit the protocol: each kind is logged once for a connection, and their number at its end. */
class RefusedMessages {
  private readonly log: Logger;
  private readonly kinds = new Map<string, number>();

  constructor(log: Logger) {
    this.log = log;
  }

  count(event: string): void {
    const kind = Object.hasOwn(clientEvents, event) ? event : 'unknown';
    const before = this.kinds.get(kind) ?? 0;
    this.kinds.set(kind, before + 1);
    if (before === 0) this.log.warn({ event: kind }, 'message refused');
  }

  end(): void {
    if (this.kinds.size > 0) this.log.warn({ refused: Object.fromEntries(this.kinds) }, 'connection with refused messages ended');
  }
}

function isClientEvent(event: string): event is ClientEvent {
  return Object.hasOwn(clientEvents, event);
}

/** @throws AppError version-mismatch; bad-message, which pages of long ago know and show, where there is no version at all */
function checkVersion(request: unknown): void {
  const version = (request as { version?: unknown } | null | undefined)?.version;
  if (version === PROTOCOL_VERSION) return;
  if (version === undefined) throw new AppError('bad-message', 'this page is older than its server: reload it');
  throw new AppError('version-mismatch', `the server speaks version ${PROTOCOL_VERSION}, this page another one: reload it`);
}

/** @throws AppError `bad-message` with the first thing that is wrong. */
function parseRequest<E extends ClientEvent>(event: E, request: unknown): ClientRequest<E> {
  if (VERSIONED.has(event)) checkVersion(request);
  const parsed = v.safeParse(clientEvents[event].request, request);
  if (parsed.success) return parsed.output as ClientRequest<E>;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue) ?? 'message';
  throw new AppError('bad-message', `${event}: ${where.slice(0, 100)}: ${issue.message.slice(0, 300)}`);
}

type Answers = { [E in ClientEvent]: (request: ClientRequest<E>) => ClientReply<E> | Promise<ClientReply<E>> };

interface Membership {
  room: RoomActor;
  peerId: PeerId;
}

class Session {
  private readonly socket: Socket;
  private readonly options: HandlerOptions;
  private readonly gone = new AbortController();
  private readonly outlet = (notice: Notice) => this.send(notice);
  private membership: Membership | null = null;
  private isEntering = false;
  private readonly answers: Answers;

  constructor(socket: Socket, options: HandlerOptions) {
    this.socket = socket;
    this.options = options;
    const { directory } = options;
    this.answers = {
      'room:create': (request) => directory.create(request, { address: options.addressOf(socket) }),
      'room:join': ({ version: _, ...identity }) => this.enter(() => directory.join(identity, this.caller())),
      'room:resume': ({ version: _, ...request }) => this.enter(() => directory.resume(request, this.caller())),
      'room:leave': () => this.leaveAsked(),
      'room:allow': ({ knockId, allow }) => this.done(({ room, peerId }) => room.answerKnock(peerId, knockId, allow)),
      'room:remove': ({ peerId: target }) => this.done(({ room, peerId }) => room.remove(peerId, target)),
      'room:renew-link': () => this.apply((peerId) => ({ kind: 'renew-link', peerId, joinKey: randomJoinKey() })),
      'host:take': ({ accept }) => {
        const { room, peerId } = this.joined();
        return { hostKey: room.takeHost(peerId, accept) };
      },
      'room:settings': (settings) => this.apply((peerId) => ({ kind: 'settings', peerId, settings })),
      'room:model': (request) => this.apply((peerId) => ({ kind: 'model', peerId, ...request })),
      'peer:donates': (request) => this.apply((peerId) => ({ kind: 'donates', peerId, ...request })),
      'peer:profile': (request) => this.apply((peerId) => ({ kind: 'profile', peerId, ...request })),
      'peer:progress': ({ epoch, ...progress }) => this.apply((peerId) => ({ kind: 'progress', peerId, epoch, progress })),
      'peer:stored': (request) => this.apply((peerId) => ({ kind: 'stored', peerId, ...request })),
      'link:report': (request) => this.apply((peerId) => ({ kind: 'link', peerId, ...request })),
      'plan:ready': (request) => this.apply((peerId) => ({ kind: 'ready', peerId, ...request })),
      'plan:failed': (request) => this.apply((peerId) => ({ kind: 'failed', peerId, ...request })),
      'plan:hung': ({ epoch, peerId: stage }) => this.done(({ room, peerId }) => room.reportHung(peerId, epoch, stage)),
      'plan:moved': (request) => this.apply((peerId) => ({ kind: 'moved', peerId, ...request })),
      signal: ({ to, data }) => this.done(({ room, peerId }) => room.relay(peerId, to, data)),
      beat: () => this.done(() => {}),
    };
  }

  /** @throws AppError `bad-message`, `not-joined`, or what the room says. */
  answer(event: string, request: unknown): ClientReply<ClientEvent> | Promise<ClientReply<ClientEvent>> {
    if (!isClientEvent(event)) throw new AppError('bad-message', `there is no message "${event.slice(0, 40)}"`);
    this.membership?.room.heardFrom(this.membership.peerId);
    return this.answerTo(event, request);
  }

  /** @param byPage it closed its connection; else the connection was lost, and the tab keeps its place for a while */
  disconnected(byPage: boolean): void {
    this.gone.abort();
    const { membership } = this;
    this.membership = null;
    if (byPage) membership?.room.leave(membership.peerId, this.outlet);
    else membership?.room.away(membership.peerId, this.outlet);
  }

  private answerTo<E extends ClientEvent>(event: E, request: unknown): ClientReply<E> | Promise<ClientReply<E>> {
    return this.answers[event](parseRequest(event, request));
  }

  private caller() {
    return { outlet: this.outlet, address: this.options.addressOf(this.socket), signal: this.gone.signal };
  }

  private async enter(into: () => Promise<Seat>): Promise<Joined> {
    if (this.membership) throw new AppError('bad-message', `this tab is already in room ${this.membership.room.room.code}`);
    if (this.isEntering) throw new AppError('bad-message', 'this tab is just joining a room');
    this.isEntering = true;
    try {
      const { room, entered } = await into();
      this.membership = { room, peerId: entered.peerId };
      if (this.gone.signal.aborted) this.disconnected(false);
      return { ...entered, iceServers: this.options.iceServersFor(this.socket.handshake.headers.host ?? '') };
    } finally {
      this.isEntering = false;
    }
  }

  private send({ event, message }: Notice): void {
    if (event === 'dropped') this.membership = null;
    this.socket.emit(event, message);
  }

  private joined(): Membership {
    const { membership, outlet } = this;
    if (!membership?.room.isAt(membership.peerId, outlet)) {
      throw new AppError('not-joined', 'this connection speaks for no tab of a room: join one first');
    }
    return membership;
  }

  private done(act: (membership: Membership) => void): Record<string, never> {
    act(this.joined());
    return {};
  }

  private apply(eventOf: (peerId: PeerId) => RoomEvent): Record<string, never> {
    return this.done(({ room, peerId }) => room.apply(eventOf(peerId)));
  }

  private leaveAsked(): Record<string, never> {
    const { room, peerId } = this.joined();
    this.membership = null;
    room.leave(peerId, this.outlet);
    return {};
  }
}
