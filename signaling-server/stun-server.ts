import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { clientAddress } from './client-address.ts';
import type { Clock } from './clock.ts';
import { answerBinding } from './stun.ts';
import { TokenBucket } from './token-bucket.ts';

/** A tab asks a handful of times per connection; a forged sender gets no flood out of this. */
const BURST_PER_ADDRESS = 60;
const PER_SECOND_AND_ADDRESS = 20;
/** Addresses remembered; then all start anew. */
const MAX_ADDRESSES = 4096;

export interface StunServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Answers binding requests on UDP, over IPv4 and where the machine has it over IPv6.
 *
 * @param host `0.0.0.0` means every address of both families.
 * @param port 0 takes any free one; so does a port that somebody else has.
 */
export async function startStun(host: string, port: number, clock: Clock): Promise<StunServer> {
  const first = await bindAny(host, port);
  const sockets = [first];
  if (host === EVERY_IPV4) {
    const other = await bind(EVERY_IPV6, first.address().port).catch(() => null);
    // Without IPv6, or with its port taken, there is one family.
    if (other) sockets.push(other);
  }
  const allowances = new Map<string, TokenBucket>();
  for (const socket of sockets) answerOn(socket, allowances, clock);
  const close = (socket: Socket) => new Promise<void>((resolve) => socket.close(() => resolve()));
  return { port: first.address().port, close: async () => void (await Promise.all(sockets.map(close))) };
}

const EVERY_IPV4 = '0.0.0.0';
const EVERY_IPV6 = '::';

function answerOn(socket: Socket, allowances: Map<string, TokenBucket>, clock: Clock): void {
  socket.on('message', (packet, sender) => {
    if (!allowanceOf(allowances, clientAddress(sender.address, undefined), clock).take()) return;
    const response = answerBinding(packet, sender.address.split('%')[0]!, sender.port);
    // An answer that cannot be sent is as good as lost: the sender asks again.
    if (response) socket.send(response, sender.port, sender.address, () => {});
  });
  socket.on('error', () => {});
}

function allowanceOf(allowances: Map<string, TokenBucket>, address: string, clock: Clock): TokenBucket {
  const known = allowances.get(address);
  if (known) return known;
  if (allowances.size >= MAX_ADDRESSES) allowances.clear();
  const fresh = new TokenBucket(BURST_PER_ADDRESS, PER_SECOND_AND_ADDRESS, clock);
  allowances.set(address, fresh);
  return fresh;
}

async function bindAny(host: string, port: number): Promise<Socket> {
  try {
    return await bind(host, port);
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!isTaken || port === 0) throw error;
    return await bind(host, 0);
  }
}

async function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket(isIP(host) === 6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}
