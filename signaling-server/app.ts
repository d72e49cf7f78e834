import { once } from 'node:events';
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { Server } from 'socket.io';
import { MAX_SIGNALING_BYTES } from '../src/shared/protocol/signaling.ts';
import { clientAddress } from './client-address.ts';
import { type Clock, systemClock } from './clock.ts';
import { handleSocket } from './handlers.ts';
import { iceServersFor, type NamedIce } from './ice.ts';
import { inProcessPlanner, type PlannerRunner, WorkerPlanner } from './planner-runner.ts';
import type { RenewedLinks } from './renewed-links.ts';
import { RoomDirectory } from './room-directory.ts';
import type { RoomTimes } from './room-times.ts';
import { staticFiles } from './static-files.ts';
import { type StunServer, startStun } from './stun-server.ts';

export type TransportName = 'polling' | 'websocket';

export interface Listener {
  host: string;
  /** 0 takes any free port. */
  port: number;
}

export interface AppOptions {
  http: Listener;
  https: (Listener & { cert: string; key: string }) | null;
  stun: Listener | null;
  /** The built pages. */
  webDir: string;
  /** A further folder of models, served under /models/. */
  modelsDir: string | null;
  /** What tabs use instead of this server's own STUN. */
  ice: NamedIce;
  transports: readonly TransportName[];
  /** The bundled planner worker; null plans on the server's own thread. */
  plannerWorker: URL | null;
  log: Logger;
  /** What rooms are sealed with, so that tabs bring them back to a server that was started anew. */
  roomSecret: Buffer;
  renewedLinks: RenewedLinks;
  /** The last entry of X-Forwarded-For says who asks. */
  trustProxy?: boolean;
  limitsLoopback?: boolean;
  times?: Partial<RoomTimes>;
  clock?: Clock;
}

export interface App {
  httpPort: number;
  httpsPort: number | null;
  stunPort: number | null;
  close(): Promise<void>;
}

/** Wires pages, signaling and STUN, and listens. @throws when a port cannot be had; nothing is then left open. */
export async function startApp(options: AppOptions): Promise<App> {
  const clock = options.clock ?? systemClock;
  const planner: PlannerRunner = options.plannerWorker ? new WorkerPlanner(options.plannerWorker) : inProcessPlanner;
  const { times = {}, limitsLoopback = false, trustProxy = false, log, roomSecret: secret, renewedLinks } = options;
  const directory = new RoomDirectory({ planner, clock, secret, renewedLinks, times, limitsLoopback });
  const pages = staticFiles(options);
  const http = createServer(pages);
  const https = options.https && createHttpsServer({ cert: options.https.cert, key: options.https.key }, pages);
  const stopListening = [http, ...(https ? [https] : [])].map(stopper);
  const io = signaling(http, https, options.transports);
  let stun: StunServer | null = null;
  const shutDown = async () => {
    directory.close();
    await options.renewedLinks.saved();
    await planner.close();
    await Promise.all([...stopListening.map((stop) => stop()), stun?.close()]);
    await io.close();
  };
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= shutDown();
    return closing;
  };
  try {
    stun = options.stun && (await startStun(options.stun.host, options.stun.port, clock));
    const stunPort = stun?.port ?? null;
    io.on('connection', (socket) =>
      handleSocket(socket, {
        directory,
        clock,
        log,
        addressOf: ({ handshake: { address, headers } }) =>
          clientAddress(address, trustProxy ? headerText(headers['x-forwarded-for']) : undefined),
        iceServersFor: (host) => iceServersFor(host, stunPort, options.ice, Date.now()),
      }),
    );
    const httpPort = await listen(http, options.http);
    const httpsPort = https && options.https ? await listen(https, options.https) : null;
    return { httpPort, httpsPort, stunPort, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One signaling server behind both listeners, so that a room may hold tabs of either. */
function signaling(http: HttpServer, https: HttpServer | null, transports: readonly TransportName[]): Server {
  const io = new Server(http, {
    serveClient: false,
    transports: [...transports],
    // Deflating costs more than half of the joins per second and ten times the memory per tab.
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: MAX_SIGNALING_BYTES,
    // A page elsewhere must not speak for its visitor; browsers name the page's origin, other clients have none.
    allowRequest: (req, callback) => callback(isSameOrigin(req) ? null : 'another origin', isSameOrigin(req)),
  });
  if (https) io.engine.attach(https, { path: '/socket.io' });
  return io;
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

function isSameOrigin(req: IncomingMessage): boolean {
  const { origin, host } = req.headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

async function listen(server: HttpServer, { host, port }: Listener): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/**
 * Stops listening and ends every connection, downloads in mid-file and websockets of tabs that are long gone too: a
 * server that is asked to stop does.
 */
function stopper(server: HttpServer): () => Promise<void> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of connections) socket.destroy();
    await closed;
  };
}
