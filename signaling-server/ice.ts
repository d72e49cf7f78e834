import { createHmac } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { IceServers } from '../src/shared/protocol/signaling.ts';
import { isTurn, parseIceUrl } from './ice-url.ts';

/** How a TURN server knows the tabs of this server. */
export type TurnAccess =
  | { kind: 'fixed'; username: string; credential: string }
  /** Shared with coturn (`use-auth-secret`): credentials are made from it that end by themselves. */
  | { kind: 'secret'; secret: string };

/** Address services that the operator names instead of this server's own. */
export interface NamedIce {
  /** Each one that `parseIceUrl` reads. */
  urls: readonly string[];
  /** For those of them that are TURN; null when none is. */
  access: TurnAccess | null;
}

/** A tab that stays longer keeps the links that it has, and joins anew for further ones. */
export const TURN_LIFETIME_S = 12 * 3600;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const HOST_NAME = /^[A-Za-z0-9.-]{1,253}$/;

/**
 * What a tab should ask for its own addresses: nobody on this very machine, else the server under the name by which
 * the tab knows it, unless the operator named others.
 *
 * @param hostHeader the request's Host, `name:port`; from the network, so anything that is no host name gets nothing.
 * @param nowS since 1970, as TURN servers count it
 */
export function iceServersFor(hostHeader: string, stunPort: number | null, named: NamedIce, nowS: number): IceServers {
  if (named.urls.length > 0) return namedServers(named, nowS);
  const host = hostNameOf(hostHeader);
  if (stunPort === null || host === null || LOOPBACK.test(host)) return [];
  return [{ urls: `stun:${isIPv6(host) ? `[${host}]` : host}:${stunPort}` }];
}

function namedServers({ urls, access }: NamedIce, nowS: number): IceServers {
  const credentials = access && credentialsOf(access, nowS);
  return urls.map((one) => {
    const url = parseIceUrl(one);
    return url && isTurn(url) && credentials ? { urls: one, ...credentials } : { urls: one };
  });
}

/** Of a shared secret as in the TURN REST API (draft-uberti-behave-turn-rest-00): the user's name is when it ends, signed. */
function credentialsOf(access: TurnAccess, nowS: number): { username: string; credential: string } {
  if (access.kind === 'fixed') return { username: access.username, credential: access.credential };
  const username = String(Math.floor(nowS) + TURN_LIFETIME_S);
  return { username, credential: createHmac('sha1', access.secret).update(username).digest('base64') };
}

/** Without brackets and port; null for what is neither a name nor an address. */
function hostNameOf(hostHeader: string): string | null {
  const [, bracketed] = /^\[([^\]%]*)\](?::\d{1,5})?$/.exec(hostHeader) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : null;
  const host = hostHeader.replace(/:\d{1,5}$/, '');
  return HOST_NAME.test(host) ? host : null;
}
