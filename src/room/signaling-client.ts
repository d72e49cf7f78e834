import { io, type Socket } from 'socket.io-client';
import * as v from 'valibot';
import { AppError } from '../shared/errors.ts';
import { ErrorReportSchema } from '../shared/protocol/error-report.ts';
import {
  type ClientEvent,
  type ClientReply,
  type ClientRequest,
  clientEvents,
  type ServerEvent,
  type ServerMessage,
  serverEvents,
} from '../shared/protocol/signaling.ts';

/** `connecting`: never connected so far. `disconnected`: was connected; comes back by itself unless closed. */
export type SignalingState = 'connecting' | 'connected' | 'disconnected' | 'closed';

export interface SignalingClientOptions {
  /** The page's own origin by default. */
  url?: string;
  /**
   * Polling first, then websocket where it works: Safari refuses wss under a self-made certificate, and whoever starts
   * with websocket there never connects.
   */
  transports?: ('polling' | 'websocket')[];
  requestTimeoutMs?: number;
  /** A message of the server that does not fit the protocol was dropped. */
  onProtocolError?: (error: AppError) => void;
}

const REQUEST_TIMEOUT_MS = 8000;
const RECONNECT_MIN_MS = 300;
const RECONNECT_MAX_MS = 3000;
const ENDED_RECONNECT_MS = 1000;

const failure = v.strictObject({ ok: v.literal(false), error: ErrorReportSchema });

/** The tab's side of the signaling protocol. It reconnects by itself; to join the room again is its user's business. */
export class SignalingClient {
  private readonly socket: Socket;
  private readonly requestTimeoutMs: number;
  private readonly onProtocolError: (error: AppError) => void;
  private readonly connectionListeners = new Set<(connected: boolean) => void>();
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private lastState: SignalingState = 'connecting';

  constructor(options: SignalingClientOptions = {}) {
    this.requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.onProtocolError = options.onProtocolError ?? (() => {});
    this.socket = openSocket(options);
    this.socket.on('connect', () => this.setState('connected'));
    this.socket.on('disconnect', (reason) => this.disconnected(reason));
    this.socket.onAny((event: string) => {
      if (!Object.hasOwn(serverEvents, event)) this.report(`the server sent an unknown event "${event.slice(0, 40)}"`);
    });
  }

  get state(): SignalingState {
    return this.lastState;
  }

  /** Calls back whenever the connection was made or lost, but not for `close`; returns how to stop that. */
  onConnection(listener: (connected: boolean) => void): () => void {
    this.connectionListeners.add(listener);
    return () => this.connectionListeners.delete(listener);
  }

  /**
   * Asks the server and waits for its answer; before the first connection the question waits for it, after a lost one it
   * fails at once, as the server would no longer know who asks.
   * @param timeoutMs more than usual where the server itself waits for somebody
   * @throws AppError of the server's answer, `server-unreachable`, or `bad-message` if the answer does not fit
   */
  async request<E extends ClientEvent>(
    event: E,
    payload: ClientRequest<E>,
    timeoutMs = this.requestTimeoutMs,
  ): Promise<ClientReply<E>> {
    if (this.lastState === 'disconnected' || this.lastState === 'closed') {
      throw new AppError('server-unreachable', 'there is no connection to the server');
    }
    const answer: unknown = await this.socket
      .timeout(timeoutMs)
      .emitWithAck(event, payload)
      .catch((cause: unknown) => {
        throw new AppError('server-unreachable', `the server did not answer "${event}" within ${timeoutMs} ms`, { cause });
      });
    return readAnswer(event, answer);
  }

  /** Calls back for every message of this event that fits its schema; returns how to stop that. */
  on<E extends ServerEvent>(event: E, handler: (message: ServerMessage<E>) => void): () => void {
    const listener = (message: unknown) => {
      const parsed = v.safeParse(serverEvents[event], message);
      if (parsed.success) handler(parsed.output as ServerMessage<E>);
      else this.report(`the server sent a malformed "${event}": ${firstIssue(parsed.issues)}`);
    };
    this.socket.on(event as string, listener);
    return () => this.socket.off(event as string, listener);
  }

  /** Starts over with a new connection, as after a lost one; does nothing while that is under way by itself. */
  reconnect(): void {
    if (this.lastState === 'connected') this.socket.disconnect().connect();
  }

  close(): void {
    this.lastState = 'closed';
    clearTimeout(this.reconnectTimer);
    this.socket.disconnect();
  }

  private disconnected(reason: string): void {
    this.setState('disconnected');
    // socket.io comes back by itself after any loss but one that the server wanted, as for a tab that slept too long.
    if (reason !== 'io server disconnect' || this.lastState === 'closed') return;
    this.reconnectTimer = setTimeout(() => this.socket.connect(), ENDED_RECONNECT_MS);
  }

  private report(message: string): void {
    this.onProtocolError(new AppError('bad-message', message));
  }

  private setState(state: 'connected' | 'disconnected'): void {
    if (this.lastState === 'closed') return;
    this.lastState = state;
    for (const listener of this.connectionListeners) listener(state === 'connected');
  }
}

function openSocket({ url, transports = ['polling', 'websocket'] }: SignalingClientOptions): Socket {
  const settings = {
    transports,
    // Each client a connection of its own, whatever else the page opens.
    forceNew: true,
    reconnectionDelay: RECONNECT_MIN_MS,
    reconnectionDelayMax: RECONNECT_MAX_MS,
  };
  return url === undefined ? io(settings) : io(url, settings);
}

function readAnswer<E extends ClientEvent>(event: E, answer: unknown): ClientReply<E> {
  const refused = v.safeParse(failure, answer);
  if (refused.success) throw AppError.fromReport(refused.output.error);
  const accepted = v.safeParse(v.strictObject({ ok: v.literal(true), value: clientEvents[event].reply }), answer);
  if (accepted.success) return accepted.output.value as ClientReply<E>;
  throw new AppError('bad-message', `the server's answer to "${event}" is malformed: ${firstIssue(accepted.issues)}`);
}

function firstIssue(issues: readonly v.BaseIssue<unknown>[]): string {
  const issue = issues[0];
  return issue ? `${v.getDotPath(issue) ?? 'message'}: ${issue.message}` : 'unknown';
}
