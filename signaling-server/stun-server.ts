import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
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
 * Answers binding requests on UDP, over IPv4 and IPv6 on one port where `host` means every address and the machine has both.
 *
 * @param port 0 takes any free one; so does a port that somebody else has.
 */
export async function startStun(host: string, port: number, clock: Clock): Promise<StunServer> {
  const sockets = await bindAny(host, port);
  const allowances = new Map<string, TokenBucket>();
  for (const socket of sockets) {
    socket.on('message', (packet, sender) => {
      if (!allowanceOf(allowances, sender.address, clock).take()) return;
      const response = answerBinding(packet, sender.address, sender.port);
      // An answer that cannot be sent is as good as lost: the sender asks again.
      if (response) socket.send(response, sender.port, sender.address, () => {});
    });
    socket.on('error', () => {});
  }
  return { port: sockets[0]!.address().port, close: async () => void (await Promise.all(sockets.map(closed))) };
}

function allowanceOf(allowances: Map<string, TokenBucket>, address: string, clock: Clock): TokenBucket {
  const known = allowances.get(address);
  if (known) return known;
  if (allowances.size >= MAX_ADDRESSES) allowances.clear();
  const fresh = new TokenBucket(BURST_PER_ADDRESS, PER_SECOND_AND_ADDRESS, clock);
  allowances.set(address, fresh);
  return fresh;
}

/** Any free port may be taken in the other family. */
const TRIES = 5;

async function bindAny(host: string, port: number): Promise<Socket[]> {
  for (let left = TRIES; ; left--) {
    try {
      return await bindAll(host, left === TRIES ? port : 0);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || left === 1) throw error;
    }
  }
}

/** At least one socket; all have the same port. */
async function bindAll(host: string, port: number): Promise<Socket[]> {
  if (!ANY_ADDRESS.has(host)) return [await bind(isIPv6(host) ? 'udp6' : 'udp4', host, port)];
  const first = await bind('udp4', '0.0.0.0', port);
  try {
    return [first, await bind('udp6', '::', first.address().port)];
  } catch (error) {
    if (NO_IPV6.has(codeOf(error))) return [first];
    await closed(first);
    throw error;
  }
}

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
/** What a machine without IPv6 says. */
const NO_IPV6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function bind(type: 'udp4' | 'udp6', host: string, port: number): Promise<Socket> {
  // Else a socket of IPv6 takes the port of the other family too.
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
