import { isIPv6 } from 'node:net';

/** An address service as RFC 7064 (STUN) and RFC 7065 (TURN) write it. */
export interface IceUrl {
  scheme: 'stun' | 'stuns' | 'turn' | 'turns';
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  host: string;
  /** Null: the scheme's own, 3478 or 5349. */
  port: number | null;
  transport: 'udp' | 'tcp' | null;
}

const ICE_URL = /^(stuns?|turns?):(\[[^\]]+\]|[^[\]:?@/#\s]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/;
const HOST_NAME = /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/;
const IPV4_LIKE = /^[\d.]+$/;
const IPV4 = /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/;
const MAX_HOST_LETTERS = 253;

/**
 * Reads what every browser takes as an address service: for anything else `new RTCPeerConnection` throws, and no tab of the room
 * would ever have a link.
 *
 * @returns null for anything else
 */
export function parseIceUrl(text: string): IceUrl | null {
  const [, scheme, bracketed, portText, transport] = ICE_URL.exec(text) ?? [];
  if (scheme === undefined || bracketed === undefined) return null;
  const host = bracketed.replace(/^\[(.*)\]$/, '$1');
  const port = portText === undefined ? null : Number(portText);
  if (bracketed === host ? !isHostOrIpv4(host) : !isIPv6(host) || host.includes('%')) return null;
  if (port !== null && (port < 1 || port > 65_535)) return null;
  if (transport !== undefined && scheme.startsWith('stun')) return null;
  return { scheme, host, port, transport: transport ?? null } as IceUrl;
}

export function isTurn({ scheme }: IceUrl): boolean {
  return scheme === 'turn' || scheme === 'turns';
}

function isHostOrIpv4(host: string): boolean {
  return IPV4_LIKE.test(host) ? IPV4.test(host) : host.length <= MAX_HOST_LETTERS && HOST_NAME.test(host);
}
