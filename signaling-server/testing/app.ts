import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { io, type Socket } from 'socket.io-client';
import { applyRoomChange } from '../../src/shared/protocol/room-change.ts';
import {
  type ClientEvent,
  type ClientReply,
  type ClientRequest,
  PROTOCOL_VERSION,
  type Result,
  type RoomState,
  type ServerEvent,
  type ServerMessage,
} from '../../src/shared/protocol/signaling.ts';
import { type App, type AppOptions, startApp, type TransportName } from '../app.ts';
import { NO_NAMED_ICE } from '../ice.ts';
import { RenewedLinks } from '../renewed-links.ts';
import { randomHostKey } from '../room-code.ts';
import { TEST_SECRET } from './room.ts';

/** Bytes of the small model: 0, 1, 2, ... modulo 251, so that every position tells itself. */
export const MODEL_BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));

/** A second model, of zeros, larger than what a connection holds on its way. */
export const BIG_MODEL_BYTES = 64 * 1024 * 1024;

export interface TestApp extends App {
  url: string;
  /** Stops the server alone; `close` ends the tabs first. */
  stop(): Promise<void>;
  /** Lines of the access log, parsed. */
  log: Record<string, unknown>[];
  connect(transports?: TransportName[]): TestTab;
}

/** A real server on free loopback ports, with three tiny pages and two models. */
export async function startTestApp(options: Partial<AppOptions> = {}): Promise<TestApp> {
  const webDir = await makeWebDir();
  const log: Record<string, unknown>[] = [];
  const app = await startApp({
    http: { host: '127.0.0.1', port: 0 },
    https: null,
    stun: { host: '127.0.0.1', port: 0 },
    webDir,
    modelsDir: null,
    ice: NO_NAMED_ICE,
    transports: ['polling', 'websocket'],
    plannerWorker: null,
    roomSecret: TEST_SECRET,
    renewedLinks: new RenewedLinks(null),
    log: pino({}, { write: (line) => void log.push(JSON.parse(line)) }),
    ...options,
  }).catch(async (error: unknown) => {
    await rm(webDir, { recursive: true });
    throw error;
  });
  const url = `http://127.0.0.1:${app.httpPort}`;
  const tabs: TestTab[] = [];
  const connect = (transports: TransportName[] = ['websocket']) => {
    const tab = new TestTab(url, transports);
    tabs.push(tab);
    return tab;
  };
  const close = async () => {
    for (const tab of tabs) tab.socket.disconnect();
    await app.close();
    await rm(webDir, { recursive: true });
  };
  return { ...app, url, log, connect, close, stop: app.close };
}

async function makeWebDir(): Promise<string> {
  const webDir = await mkdtemp(join(tmpdir(), 'edgeshard-web-'));
  for (const page of ['home', 'chat', 'donate', 'models', 'assets']) await mkdir(join(webDir, page));
  for (const page of ['home', 'chat', 'donate']) await writeFile(join(webDir, page, 'index.html'), `<p>${page}</p>`);
  await writeFile(join(webDir, 'assets', 'page-abc.js'), 'export {};');
  await writeFile(join(webDir, 'models', 'tiny.gguf'), MODEL_BYTES);
  await writeFile(join(webDir, 'models', 'big.gguf'), '');
  await truncate(join(webDir, 'models', 'big.gguf'), BIG_MODEL_BYTES);
  return webDir;
}

/** One client connection; keeps all that it heard. */
export class TestTab {
  readonly socket: Socket;
  private readonly heard: { event: string; message: unknown }[] = [];
  private readonly waiting = new Set<() => void>();

  constructor(url: string, transports: TransportName[]) {
    this.socket = io(url, { transports, forceNew: true, reconnection: false });
    this.socket.onAny((event: string, message: unknown) => {
      this.heard.push({ event, message });
      for (const look of [...this.waiting]) look();
    });
  }

  /** Sends anything and answers with the acknowledgement. */
  send(event: string, request?: unknown): Promise<Result<unknown>> {
    return new Promise((resolve) => this.socket.emit(event, request, resolve));
  }

  /** Sends what is right, and fails on a refusal. */
  async ask<E extends ClientEvent>(event: E, request: unknown): Promise<ClientReply<E>> {
    const result = await this.send(event, request);
    if (!result.ok) throw new Error(`${event}: ${result.error.code}: ${result.error.message}`);
    return result.value as ClientReply<E>;
  }

  async join(
    code: string,
    options: Partial<Omit<ClientRequest<'room:join'>, 'version' | 'code'>> = {},
  ): Promise<ClientReply<'room:join'>> {
    return this.ask('room:join', {
      version: PROTOCOL_VERSION,
      code,
      hostKey: null,
      joinKey: null,
      passphrase: null,
      tabKey: randomHostKey(),
      name: 'tab',
      donates: false,
      chats: false,
      ...options,
    });
  }

  /** The room as this tab knows it, as soon as the condition holds. @param from the state in the answer to joining */
  async roomOnce(from: RoomState, accept: (room: RoomState) => boolean): Promise<RoomState> {
    let room = from;
    const known = () => {
      room = this.messages('room:change').reduce(applyRoomChange, from);
      return accept(room);
    };
    if (!known()) await this.hear('room:change', known);
    return room;
  }

  /** The first message, heard already or not yet, that the condition holds for. */
  hear<E extends ServerEvent>(event: E, accept: (message: ServerMessage<E>) => boolean = () => true): Promise<ServerMessage<E>> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.messages(event).find(accept);
        if (found === undefined) return;
        this.waiting.delete(look);
        resolve(found);
      };
      this.waiting.add(look);
      look();
    });
  }

  messages<E extends ServerEvent>(event: E): ServerMessage<E>[] {
    return this.heard.filter((one) => one.event === event).map((one) => one.message as ServerMessage<E>);
  }
}
