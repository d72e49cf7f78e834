import { isIP } from 'node:net';
import { ipv6Groups, withoutMapping } from './ip-address.ts';

/** Whom limits are counted for: an IPv4 address, or the /64 that a provider gives to one household. */
export type ClientAddress = string;

/**
 * @param socketAddress of the connection itself
 * @param forwardedFor the X-Forwarded-For header, only where a proxy is trusted: its last entry is what that proxy saw; what stands
 * before it came from outside. Anything that is no address counts for nothing.
 */
export function clientAddress(socketAddress: string, forwardedFor: string | undefined): ClientAddress {
  const last = forwardedFor?.split(',').at(-1)?.trim() ?? '';
  return normalised(isIP(last) ? last : socketAddress);
}

export function isLoopback(address: ClientAddress): boolean {
  return /^127\./.test(address) || address === LOOPBACK_PREFIX;
}

const LOOPBACK_PREFIX = '0:0:0:0::/64';

function normalised(address: string): ClientAddress {
  const plain = withoutMapping(address);
  if (isIP(plain) !== 6) return plain;
  const network = ipv6Groups(plain).slice(0, 4);
  return `${network.map((group) => group.toString(16)).join(':')}::/64`;
}
