import { createHmac } from 'node:crypto';
import { contentOf } from '../src/shared/protocol/room-seed.ts';
import type { RoomSeal, RoomSeed, RoomState } from '../src/shared/protocol/signaling.ts';
import type { Clock } from './clock.ts';
import { isSameKey } from './room-code.ts';

/** How old a seal may be that brings a room back: as long may a server be away, or all the tabs of a room. */
export const SEAL_LIFETIME_MS = 24 * 60 * 60_000;
/** Tabs of a room in which nothing changes get a new seal as often as this. */
const RENEWAL_MS = 60 * 60_000;

/**
 * Puts a seal under all that a room can be made anew from, with a secret that outlives this process. Tabs keep it while the server is
 * away; what comes back with a good seal was said by this server, whoever brings it. Of two seals the one with the later date knows more,
 * also where different processes have made them.
 */
export class RoomSeals {
  private readonly secret: Buffer;
  private readonly code: string;
  private readonly clock: Clock;
  private lastMs: number;
  private sealed: { content: string; seal: RoomSeal } | null = null;

  /** @param afterMs the date of the seal that the room was made anew from, 0 for a new room */
  constructor(secret: Buffer, code: string, clock: Clock, afterMs: number) {
    this.secret = secret;
    this.code = code;
    this.clock = clock;
    this.lastMs = afterMs;
  }

  /** The date that a seal made now has: later than that of every one before. */
  nextMs(): number {
    return Math.max(this.lastMs + 1, Math.floor(this.clock.dateMs()));
  }

  /** True when the tabs should hear of a new one, though nothing has changed. */
  isDue(): boolean {
    return this.sealed !== null && this.isOld(this.sealed.seal);
  }

  /** The same seal as long as the room's seed is the same and the seal is young, else a later one. */
  seal(room: Omit<RoomState, 'seal'>): RoomSeal {
    const content = canonical(contentOf(room));
    if (this.sealed?.content === content && !this.isOld(this.sealed.seal)) return this.sealed.seal;
    this.lastMs = this.nextMs();
    const seal = { dateMs: this.lastMs, mac: macOf(this.secret, this.code, this.lastMs, content) };
    this.sealed = { content, seal };
    return seal;
  }

  private isOld({ dateMs }: RoomSeal): boolean {
    return this.clock.dateMs() - dateMs > RENEWAL_MS;
  }
}

export function isSealed(secret: Buffer, code: string, { seal, ...content }: RoomSeed): boolean {
  return isSameKey(seal.mac, macOf(secret, code, seal.dateMs, canonical(content)));
}

function macOf(secret: Buffer, code: string, dateMs: number, content: string): string {
  return createHmac('sha256', secret).update(`${code} ${dateMs} ${content}`).digest('base64url');
}

/** The same text for the same values, in whatever order their fields were put together. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
