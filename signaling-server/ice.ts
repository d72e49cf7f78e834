import type { IceServers } from '../src/shared/protocol/signaling.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const HOST_NAME = /^[A-Za-z0-9.-]{1,253}$|^[0-9A-Fa-f:.]{2,45}$/;

/**
 * What a tab should ask for its own addresses: nobody on this very machine, else the server under the name by which
 * the tab knows it, unless the operator named others.
 *
 * @param hostHeader the request's Host, `name:port`; from the network, so anything that is no host name gets nothing.
 */
export function iceServersFor(hostHeader: string, stunPort: number | null, named: readonly string[]): IceServers {
  if (named.length > 0) return named.map((urls) => ({ urls }));
  const host = hostNameOf(hostHeader);
  if (stunPort === null || LOOPBACK.test(host) || !HOST_NAME.test(host)) return [];
  return [{ urls: `stun:${host.includes(':') ? `[${host}]` : host}:${stunPort}` }];
}

function hostNameOf(hostHeader: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(hostHeader);
  return bracketed?.[1] ?? hostHeader.replace(/:\d{1,5}$/, '');
}
