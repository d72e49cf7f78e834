import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
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
 * Answers binding requests on UDP.
 *
 * @param port 0 takes any free one; so does a port that somebody else has.
 */
export async function startStun(host: string, port: number, clock: Clock): Promise<StunServer> {
  const socket = await bindAny(host, port);
  const allowances = new Map<string, TokenBucket>();
  socket.on('message', (packet, sender) => {
    if (!allowanceOf(allowances, sender.address, clock).take()) return;
    const response = answerBinding(packet, sender.address, sender.port);
    // An answer that cannot be sent is as good as lost: the sender asks again.
    if (response) socket.send(response, sender.port, sender.address, () => {});
  });
  socket.on('error', () => {});
  return { port: socket.address().port, close: () => new Promise((resolve) => socket.close(() => resolve())) };
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
  const socket = createSocket('udp4');
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}
