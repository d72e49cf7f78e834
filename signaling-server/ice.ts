import { createHmac } from 'node:crypto';
import type { IceServers } from '../src/shared/protocol/signaling.ts';

/** What the operator named instead of this server's own address service. */
export interface NamedIce {
  urls: readonly string[];
  /** For the TURN servers among them; null where there are none. */
  turn: TurnAccess | null;
}

/** One user for all, or coturn's shared secret, of which everybody gets a user of their own that expires. */
export type TurnAccess = { username: string; credential: string } | { secret: string };

export const NO_NAMED_ICE: NamedIce = { urls: [], turn: null };

/** How long a user that was made of the shared secret is good for, s: a room may last for an evening. */
const TURN_USER_S = 12 * 3600;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const HOST_NAME = /^[A-Za-z0-9._-]{1,253}$|^[0-9A-Fa-f:.]{2,45}$/;
/** RFC 7064 and RFC 7065: scheme, host, port, and for TURN how to get there. Anything else makes a browser refuse the whole list. */
const ICE_URL = /^(stuns?|turns?):(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?(\?transport=(udp|tcp))?$/;

/**
 * What a tab should ask for its own addresses: nobody on this very machine, else the server under the name by which
 * the tab knows it, unless the operator named others.
 *
 * @param hostHeader the request's Host, `name:port`; from the network, so anything that is no host name gets nothing.
 */
export function iceServersFor(hostHeader: string, stunPort: number | null, named: NamedIce, nowMs: number): IceServers {
  if (named.urls.length > 0) return named.urls.map((urls) => ({ urls, ...(isTurn(urls) ? turnUser(named.turn, nowMs) : {}) }));
  const host = hostNameOf(hostHeader);
  if (stunPort === null || LOOPBACK.test(host) || !HOST_NAME.test(host)) return [];
  return [{ urls: `stun:${host.includes(':') ? `[${host}]` : host}:${stunPort}` }];
}

export function isIceUrl(url: string): boolean {
  const [, scheme, , port, transport] = ICE_URL.exec(url) ?? [];
  if (scheme === undefined || (transport !== undefined && !scheme.startsWith('turn'))) return false;
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

export function isTurn(url: string): boolean {
  return url.startsWith('turn');
}

/** As coturn's `use-auth-secret` has it: the name is the time until which it is good, the password its HMAC-SHA1 by the secret. */
function turnUser(access: TurnAccess | null, nowMs: number): { username: string; credential: string } | object {
  if (access === null || 'username' in access) return access ?? {};
  const username = String(Math.floor(nowMs / 1000) + TURN_USER_S);
  return { username, credential: createHmac('sha1', access.secret).update(username).digest('base64') };
}

function hostNameOf(hostHeader: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(hostHeader);
  return bracketed?.[1] ?? hostHeader.replace(/:\d{1,5}$/, '');
}
