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
  type Result,
} from '../src/shared/protocol/signaling.ts';
import type { Clock } from './clock.ts';
import type { Notice } from './room-state.ts';
import type { RoomStore } from './room-store.ts';
import type { RoomEvent } from './rooms.ts';
import { TokenBucket } from './token-bucket.ts';

/** Joining a room of 32 takes about six signals for each of the others at once; afterwards a few a second are usual. */
const BURST_MESSAGES = 400;
const MESSAGES_PER_SECOND = 50;

export interface HandlerOptions {
  store: RoomStore;
  clock: Clock;
  /** What a tab that came over this host name should use to find its addresses. */
  iceServersFor(hostHeader: string): IceServers;
}

interface Membership {
  code: string;
  peerId: PeerId;
}

/**
 * Gives one connection its voice: every message is counted, checked against its schema, acted upon, and acknowledged
 * with a Result. Nothing that arrives can throw out of here.
 */
export function handleSocket(socket: Socket, options: HandlerOptions): void {
  const session = new Session(socket, options);
  const allowance = new TokenBucket(BURST_MESSAGES, MESSAGES_PER_SECOND, options.clock);
  socket.onAny((event: string, ...args: unknown[]) => {
    const acknowledge = args.at(-1);
    const result = resultOf(() => {
      if (!allowance.take()) throw new AppError('rate-limited', `more than ${MESSAGES_PER_SECOND} messages a second`);
      return session.answer(event, args[0]);
    });
    if (typeof acknowledge === 'function') acknowledge(result);
  });
  socket.on('disconnect', () => session.leave());
}

function resultOf<T>(act: () => T): Result<T> {
  try {
    return { ok: true, value: act() };
  } catch (thrown) {
    return { ok: false, error: AppError.from(thrown).toReport() };
  }
}

function isClientEvent(event: string): event is ClientEvent {
  return Object.hasOwn(clientEvents, event);
}

/** @throws AppError `bad-message` with the first thing that is wrong. */
function parseRequest<E extends ClientEvent>(event: E, request: unknown): ClientRequest<E> {
  const parsed = v.safeParse(clientEvents[event].request, request);
  if (parsed.success) return parsed.output as ClientRequest<E>;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue) ?? 'message';
  throw new AppError('bad-message', `${event}: ${where.slice(0, 100)}: ${issue.message.slice(0, 300)}`);
}

type Answers = { [E in ClientEvent]: (request: ClientRequest<E>) => ClientReply<E> };

class Session {
  private readonly socket: Socket;
  private readonly options: HandlerOptions;
  private membership: Membership | null = null;
  private readonly answers: Answers;

  constructor(socket: Socket, options: HandlerOptions) {
    this.socket = socket;
    this.options = options;
    const { store } = options;
    this.answers = {
      'room:create': ({ settings }) => store.create(settings),
      'room:join': (request) => this.join(request),
      'room:leave': () => this.leaveAsked(),
      'room:settings': (settings) => this.apply((peerId) => ({ kind: 'settings', peerId, settings })),
      'room:model': (request) => this.apply((peerId) => ({ kind: 'model', peerId, ...request })),
      'peer:donates': (request) => this.apply((peerId) => ({ kind: 'donates', peerId, ...request })),
      'peer:profile': (request) => this.apply((peerId) => ({ kind: 'profile', peerId, ...request })),
      'peer:progress': ({ epoch, ...progress }) => this.apply((peerId) => ({ kind: 'progress', peerId, epoch, progress })),
      'link:report': (request) => this.apply((peerId) => ({ kind: 'link', peerId, ...request })),
      'plan:ready': (request) => this.apply((peerId) => ({ kind: 'ready', peerId, ...request })),
      'plan:failed': (request) => this.apply((peerId) => ({ kind: 'failed', peerId, ...request })),
      'plan:moved': (request) => this.apply((peerId) => ({ kind: 'moved', peerId, ...request })),
      signal: ({ to, data }) => this.relay(to, data),
      beat: () => this.beat(),
    };
  }

  /** @throws AppError `bad-message`, `not-joined`, or what the room says. */
  answer(event: string, request: unknown): ClientReply<ClientEvent> {
    if (!isClientEvent(event)) throw new AppError('bad-message', `there is no message "${event.slice(0, 40)}"`);
    if (this.membership) this.options.store.heardFrom(this.membership.code, this.membership.peerId);
    return this.answerTo(event, request);
  }

  leave(): void {
    const { membership } = this;
    this.membership = null;
    if (membership) this.options.store.leave(membership.code, membership.peerId);
  }

  private answerTo<E extends ClientEvent>(event: E, request: unknown): ClientReply<E> {
    return this.answers[event](parseRequest(event, request));
  }

  private join(request: ClientRequest<'room:join'>): ClientReply<'room:join'> {
    if (this.membership) throw new AppError('bad-message', `this tab is already in room ${this.membership.code}`);
    const { peerId, isHost, room } = this.options.store.join(request, (notice) => this.send(notice));
    this.membership = { code: request.code, peerId };
    const iceServers = this.options.iceServersFor(this.socket.handshake.headers.host ?? '');
    return { peerId, isHost, iceServers, room };
  }

  private send({ event, message }: Notice): void {
    if (event === 'dropped') this.membership = null;
    this.socket.emit(event, message);
  }

  private joined(): Membership {
    if (!this.membership) throw new AppError('not-joined', 'this tab is in no room: join one first');
    return this.membership;
  }

  private apply(eventOf: (peerId: PeerId) => RoomEvent): Record<string, never> {
    const { code, peerId } = this.joined();
    this.options.store.apply(code, eventOf(peerId));
    return {};
  }

  private relay(to: PeerId, data: ClientRequest<'signal'>['data']): Record<string, never> {
    const { code, peerId } = this.joined();
    this.options.store.relay(code, peerId, to, data);
    return {};
  }

  private leaveAsked(): Record<string, never> {
    this.joined();
    this.leave();
    return {};
  }

  private beat(): Record<string, never> {
    this.joined();
    return {};
  }
}
