import { vi } from 'vitest';
import type { LinkState } from '../../mesh/link-state.ts';
import { AppError, type ErrorCode } from '../../shared/errors.ts';
import type { DeviceMessage } from '../../shared/model/device-message.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { Plan } from '../../shared/model/plan.ts';
import { DEFAULT_SETTINGS } from '../../shared/model/room-settings.ts';
import type {
  ClientEvent,
  ClientReply,
  ClientRequest,
  Joined,
  PeerState,
  RoomState,
  ServerEvent,
  ServerMessage,
} from '../../shared/protocol/signaling.ts';
import type { RoomMessage, ToWorker } from '../../workers/messages.ts';
import type { Signaling } from '../membership.ts';
import { RoomSession, type SessionOptions } from '../room-session.ts';
import type { Tell } from '../tell-server.ts';

/** A session without a browser: the test is the server, and sees what worker and links are told. */

export const CODE = 'AB2CD';
export const JOIN_KEY = 'j'.repeat(16);
export const OTHER_KEY = 'o'.repeat(16);
export const HOST_KEY = 'h'.repeat(32);
export const SPEC = { name: 'story teller', contextLength: 512 } as ModelSpec;

export function peer(peerId: PeerId, change: Partial<PeerState> = {}): PeerState {
  const blank = { profile: null, progress: null, connected: true, problem: null, tabKeyHash: 't'.repeat(43), shownKeyHash: null };
  return { peerId, name: `Device ${peerId}`, donates: true, chats: false, ...blank, ...change };
}

export function plan(epoch: number, change: Partial<Plan> = {}): Plan {
  return {
    epoch,
    modelUrl: DEFAULT_SETTINGS.modelUrl,
    contextLength: 512,
    sourceLayers: 0,
    stages: [],
    ...change,
  } as unknown as Plan;
}

const SEAL = { dateMs: 1, mac: 'm'.repeat(43) };

export function roomOf(peers: PeerState[], change: Partial<RoomState> = {}): RoomState {
  const rights = {
    hosts: [1],
    hostKeyHashes: ['x'.repeat(43)],
    joinKey: JOIN_KEY,
    passphraseHash: null,
    barred: [],
    offeredTo: null,
  };
  const plans = { settings: DEFAULT_SETTINGS, model: null, plan: null, preparing: null, problem: null };
  return { code: CODE, ...rights, ...plans, knocks: [], nextPeerId: 9, nextEpoch: 9, seal: SEAL, peers, links: [], ...change };
}

export function joined(peerId: PeerId, room: RoomState): Joined {
  return { peerId, isHost: room.hosts.includes(peerId), iceServers: [], room };
}

interface Asked {
  event: ClientEvent;
  payload: unknown;
  timeoutMs: number | undefined;
  settle: PromiseWithResolvers<unknown>;
}

/** Everything is answered by the test; what it does not answer stays open. */
class TestSignaling implements Signaling {
  readonly asked: Asked[] = [];
  isConnected = false;
  isClosed = false;
  reconnects = 0;
  private readonly handlers = new Map<ServerEvent, (message: never) => void>();
  private connection: (connected: boolean) => void = () => {};

  request<E extends ClientEvent>(event: E, payload: ClientRequest<E>, timeoutMs?: number): Promise<ClientReply<E>> {
    if (!this.isConnected) return Promise.reject(new AppError('server-unreachable', 'there is no connection to the server'));
    const settle = withResolvers<unknown>();
    this.asked.push({ event, payload, timeoutMs, settle });
    return settle.promise as Promise<ClientReply<E>>;
  }

  on<E extends ServerEvent>(event: E, handler: (message: ServerMessage<E>) => void): () => void {
    this.handlers.set(event, handler);
    return () => {};
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.connection = listener;
    return () => {};
  }

  reconnect(): void {
    this.reconnects += 1;
  }

  close(): void {
    this.isClosed = true;
  }

  say<E extends ServerEvent>(event: E, message: ServerMessage<E>): void {
    this.handlers.get(event)?.(message as never);
  }

  /** As socket.io does: what was asked before fails with the connection. */
  connect(connected: boolean): void {
    this.isConnected = connected;
    this.connection(connected);
    if (connected) return;
    for (const { settle } of this.asked) settle.reject(new AppError('server-unreachable', 'the server did not answer'));
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. */
interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((good, bad) => {
    resolve = good;
    reject = bad;
  });
  return { promise, resolve, reject };
}

export class TestRoomSession {
  readonly signaling = new TestSignaling();
  readonly toWorker: ToWorker[] = [];
  readonly onLinks: string[] = [];
  readonly session: RoomSession;
  isTerminated = false;
  fromWorker: (message: DeviceMessage | RoomMessage) => void = () => {};
  misunderstand: () => void = () => {};
  /** As the links do. */
  tell!: Tell;
  showLinks!: (links: LinkState[]) => void;

  constructor(options: Partial<SessionOptions> = {}) {
    const note =
      (call: string) =>
      (...args: unknown[]) =>
        void this.onLinks.push([call, ...args.map((arg) => JSON.stringify(arg))].join(' '));
    this.session = new RoomSession(
      {
        code: CODE,
        joinKey: JOIN_KEY,
        role: { donates: true, chats: true },
        name: 'Laptop',
        engine: 'cpu',
        lendBytes: null,
        ...options,
      },
      {
        openSignaling: (onProtocolError) => {
          this.misunderstand = onProtocolError;
          return this.signaling;
        },
        openWorker: (onMessage) => {
          this.fromWorker = onMessage;
          return {
            send: (message) => void this.toWorker.push(message),
            generate: async function* () {},
            terminate: () => {
              this.isTerminated = true;
            },
          };
        },
        openLinks: (view, tell) => {
          this.tell = tell;
          this.showLinks = (links) => view.update({ links });
          return {
            open: ({ peerId }) => {
              note('open')(peerId);
              return new MessageChannel().port1;
            },
            close: note('close'),
            setPeers: note('setPeers'),
            setAway: note('setAway'),
            serverGone: note('serverGone'),
            serverBack: note('serverBack'),
            handleSignal: note('handleSignal'),
            peerLeft: note('peerLeft'),
            tick: () => {},
          };
        },
        hints: { userAgent: 'test', maxTouchPoints: 0, deviceMemoryGb: undefined },
      },
    );
  }

  get view() {
    return this.session.view;
  }

  /** What was asked with this event so far. */
  requests<E extends ClientEvent>(event: E): ClientRequest<E>[] {
    return this.signaling.asked.filter((one) => one.event === event).map(({ payload }) => payload as ClientRequest<E>);
  }

  /** For what is asked and told from now on. */
  forgetAsked(): void {
    this.signaling.asked.length = 0;
    this.toWorker.length = 0;
    this.onLinks.length = 0;
  }

  kindsToWorker(): string[] {
    return this.toWorker.map((message) => ('plan' in message ? `${message.kind} ${message.plan.epoch}` : message.kind));
  }

  async answer<E extends ClientEvent>(event: E, reply: ClientReply<E>): Promise<void> {
    this.last(event).settle.resolve(reply);
    await settled();
  }

  async refuse(event: ClientEvent, code: ErrorCode): Promise<void> {
    this.last(event).settle.reject(new AppError(code, `refused: ${code}`));
    await settled();
  }

  async loseConnection(): Promise<void> {
    this.signaling.connect(false);
    await settled();
  }

  last(event: ClientEvent): Asked {
    const asked = this.signaling.asked.findLast((one) => one.event === event);
    if (!asked) throw new Error(`nobody asked "${event}", but ${this.signaling.asked.map((one) => one.event).join(', ')}`);
    return asked;
  }
}

/** Promises that are settled have been read. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A session that is in its room as device 1. */
export async function inRoom(room: RoomState = roomOf([peer(1), peer(2)]), options: Partial<SessionOptions> = {}) {
  const test = new TestRoomSession(options);
  test.signaling.connect(true);
  await test.answer('room:join', joined(1, room));
  return test;
}

/** The browser's storage, empty. */
export function stubStorage(): Map<string, string> {
  const stored = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  });
  return stored;
}
