import type { LinkProfile, PeerId } from '../model/link-profile.ts';

/** A device or link slower than this counts as none; sums of times then stay finite, ms. */
export const SLOWEST_MS = 1e9;

/** What a message costs on a link. */
export interface Transfer {
  /** From the first byte sent to the last one there, ms. */
  ms: number;
  /** How long the link is taken and cannot carry the next message, ms: the bits and the fixed cost, not the way. */
  busyMs: number;
}

export const NO_LINK: Transfer = { ms: Number.POSITIVE_INFINITY, busyMs: Number.POSITIVE_INFINITY };
const SAME_DEVICE: Transfer = { ms: 0, busyMs: 0 };

/** Half a round trip, the bits of the message, and the fixed cost. `NO_LINK` where the numbers cannot be computed with. */
export function transferOver(link: Pick<LinkProfile, 'rttMs' | 'linkMbps' | 'fixedMs'>, messageBytes: number): Transfer {
  const busyMs = (link.fixedMs ?? 0) + (messageBytes * 8) / (link.linkMbps * 1000);
  const ms = link.rttMs / 2 + busyMs;
  return busyMs >= 0 && link.rttMs >= 0 && ms <= SLOWEST_MS ? { ms, busyMs } : NO_LINK;
}

/** What a message from one peer to another costs. */
export type TransferBetween = (from: PeerId, to: PeerId, messageBytes: number) => Transfer;

export function transfers(links: readonly LinkProfile[]): TransferBetween {
  const linkOf = new Map(links.map((link) => [linkKey(link.a, link.b), link]));
  return (from, to, messageBytes) => {
    if (from === to) return SAME_DEVICE;
    const link = linkOf.get(linkKey(from, to));
    return link ? transferOver(link, messageBytes) : NO_LINK;
  };
}

function linkKey(a: PeerId, b: PeerId): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
