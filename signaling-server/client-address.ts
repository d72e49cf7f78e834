import { isIP } from 'node:net';
import { ipv6Groups, withoutMapping } from './ip-address.ts';

/** Whom limits are counted for: an IPv4 address, or the /64 that a provider gives to one household. */
export type ClientAddress = string;

/** What a proxy says came from this machine is somebody else's word: no limit is lifted for it. */
const LOOPBACK_BY_PROXY = 'loopback, by a proxy';

/**
 * @param socketAddress of the connection itself
 * @param forwardedFor the X-Forwarded-For header, only where a proxy is trusted: its last entry is what that proxy saw; what stands
 * before it came from outside. Anything that is no address counts for nothing.
 */
export function clientAddress(socketAddress: string, forwardedFor: string | undefined): ClientAddress {
  const last = forwardedFor?.split(',').at(-1)?.trim() ?? '';
  if (!isIP(last)) return normalised(socketAddress);
  const forwarded = normalised(last);
  return isLoopback(forwarded) ? LOOPBACK_BY_PROXY : forwarded;
}

export function isLoopback(address: ClientAddress): boolean {
  return address.startsWith('127.');
}

/** The groups of `::1`. */
const LOOPBACK = '0,0,0,0,0,0,0,1';

function normalised(address: string): ClientAddress {
  const plain = withoutMapping(address);
  if (isIP(plain) !== 6) return plain;
  const groups = ipv6Groups(plain);
  // All that is left of the others is their network, and a stranger's may be the same.
  if (groups.join() === LOOPBACK) return '127.0.0.1';
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}
