import { isIP } from 'node:net';

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
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (isIP(address) !== 6) return address;
  return `${groupsOf(address).slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [left = '', right] = (address.split('%')[0] ?? '').split('::');
  const [head, tail] = [left, right ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const missing = right === undefined ? 0 : Math.max(0, 8 - head!.length - tail!.length);
  return [...head!, ...Array<string>(missing).fill('0'), ...tail!].map((group) => group.replace(/^0+(?=.)/, '').toLowerCase());
}
