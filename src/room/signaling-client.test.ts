import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AppError } from '../shared/errors.ts';
import { PROTOCOL_VERSION } from '../shared/protocol/signaling.ts';
import { SignalingClient, type SignalingClientOptions } from './signaling-client.ts';

let http: HttpServer;
let server: Server;
let url: string;
const clients: SignalingClient[] = [];

beforeEach(async () => {
  http = createServer();
  server = new Server(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

function connect(options: SignalingClientOptions = {}): SignalingClient {
  const client = new SignalingClient({ url, ...options });
  clients.push(client);
  return client;
}

/** The server answers this event so. */
function answer(event: string, result: unknown): void {
  server.on('connection', (socket: Socket) =>
    socket.on(event, (_: unknown, acknowledge: (result: unknown) => void) => acknowledge(result)),
  );
}

const room = { code: 'ABCDE', hostKey: 'k'.repeat(32), joinKey: 'j'.repeat(16) };
const asked = { version: PROTOCOL_VERSION, settings: {}, passphrase: null } as const;

describe.each([{ transports: ['polling'] }, { transports: ['websocket'] }, {}] as SignalingClientOptions[])(
  'requests over %o',
  (options) => {
    test('the reply comes back typed and checked', async () => {
      answer('room:create', { ok: true, value: room });
      await expect(connect(options).request('room:create', asked)).resolves.toEqual(room);
    });

    test("the server's refusal is its AppError", async () => {
      answer('room:leave', { ok: false, error: { code: 'not-joined', message: 'join a room first' } });
      const asked = connect(options).request('room:leave', {});
      await expect(asked).rejects.toMatchObject({ name: 'AppError', code: 'not-joined', message: 'join a room first' });
    });

    test('a refusal with a code that only a newer server knows is internal, with its message', async () => {
      answer('room:leave', { ok: false, error: { code: 'oops', message: 'the room is frozen' } });
      const asked = connect(options).request('room:leave', {});
      await expect(asked).rejects.toMatchObject({ code: 'internal', message: 'the room is frozen' });
    });
  },
);

describe('what a server may get wrong', () => {
  test.each([
    ['a reply that does not fit', { ok: true, value: { code: 'ABCDE' } }],
    ['an unknown field', { ok: true, value: { ...room, more: 1 } }],
    ['an error without a code', { ok: false, error: { message: '' } }],
    ['no result at all', 'yes'],
  ])('%s is a bad message', async (_, result) => {
    answer('room:create', result);
    await expect(connect().request('room:create', asked)).rejects.toMatchObject({ code: 'bad-message' });
  });

  test('no answer within the time is an unreachable server', async () => {
    const silent = connect({ requestTimeoutMs: 50 }).request('beat', {});
    await expect(silent).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('a question whose answer takes long may be given longer', async () => {
    server.on('connection', (socket: Socket) =>
      socket.on('beat', (_: unknown, acknowledge: (result: unknown) => void) =>
        setTimeout(() => acknowledge({ ok: true, value: {} }), 100),
      ),
    );
    const client = connect({ requestTimeoutMs: 50 });
    await expect(client.request('beat', {}, 5000)).resolves.toEqual({});
    await expect(client.request('beat', {})).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('a malformed or unknown event is dropped and reported, and the next one still comes', async () => {
    const errors: AppError[] = [];
    const left: number[] = [];
    server.on('connection', (socket: Socket) => {
      socket.emit('peer:left', { peerId: 'seven' });
      socket.emit('room:party', {});
      socket.emit('peer:left', { peerId: 7 });
    });
    const client = connect({ onProtocolError: (error) => errors.push(error) });
    client.on('peer:left', ({ peerId }) => left.push(peerId));
    await vi.waitFor(() => expect(left).toEqual([7]));
    expect(errors.map((error) => error.code)).toEqual(['bad-message', 'bad-message']);
    expect(errors.map((error) => error.message)).toEqual([
      expect.stringContaining('"peer:left": peerId'),
      expect.stringContaining('"room:party"'),
    ]);
  });
});

describe('the connection', { timeout: 20_000 }, () => {
  test('a lost connection is told, questions fail at once meanwhile, and it comes back by itself', async () => {
    answer('beat', { ok: true, value: {} });
    const client = connect();
    const changes: boolean[] = [];
    const failed: Promise<unknown>[] = [];
    client.onConnection((connected) => {
      changes.push(connected);
      if (!connected) failed.push(client.request('beat', {}).catch((error) => error.code));
    });
    await client.request('beat', {});
    expect(client.state).toBe('connected');
    for (const socket of server.sockets.sockets.values()) socket.conn.close();
    await vi.waitFor(() => expect(changes).toEqual([true, false, true]), 15_000);
    expect(await Promise.all(failed)).toEqual(['server-unreachable']);
    await expect(client.request('beat', {})).resolves.toEqual({});
  });

  test('a connection that the server ended comes back too', async () => {
    const client = connect();
    const changes: boolean[] = [];
    client.onConnection((connected) => changes.push(connected));
    await vi.waitFor(() => expect(changes).toEqual([true]));
    server.disconnectSockets();
    await vi.waitFor(() => expect(changes).toEqual([true, false, true]), 15_000);
  });

  test('whoever wants another connection gets one', async () => {
    const client = connect();
    const changes: boolean[] = [];
    client.onConnection((connected) => changes.push(connected));
    await vi.waitFor(() => expect(changes).toEqual([true]));
    const [before] = server.sockets.sockets.keys();
    client.reconnect();
    await vi.waitFor(() => expect(changes).toEqual([true, false, true]), 15_000);
    await vi.waitFor(() => expect([...server.sockets.sockets.keys()]).toHaveLength(1));
    expect(server.sockets.sockets.has(before!)).toBe(false);
  });

  test('a question asked before the server is there waits for it', async () => {
    const { port } = http.address() as AddressInfo;
    await server.close();
    const asked = connect().request('beat', {});
    http = createServer();
    server = new Server(http);
    answer('beat', { ok: true, value: {} });
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    await expect(asked).resolves.toEqual({});
  });

  test('a closed client asks nothing and hears nothing', async () => {
    const client = connect();
    const changes: boolean[] = [];
    client.onConnection((connected) => changes.push(connected));
    await vi.waitFor(() => expect(changes).toEqual([true]));
    client.close();
    await expect(client.request('beat', {})).rejects.toMatchObject({ code: 'server-unreachable' });
    await vi.waitFor(async () => expect(await server.fetchSockets()).toHaveLength(0));
    expect(changes).toEqual([true]);
    expect(client.state).toBe('closed');
  });
});
