import { createHmac } from 'node:crypto';
import { contentOf } from '../src/shared/protocol/room-seed.ts';
import type { RoomSeal, RoomSeed, RoomState } from '../src/shared/protocol/signaling.ts';
import { isSameKey } from './room-code.ts';

/**
 * Puts a seal under all that a room can be made anew from, with a secret that outlives this process. Tabs keep it while the server is
 * away; what comes back with a good seal was said by this server, whoever brings it.
 */
export class RoomSeals {
  private readonly secret: Buffer;
  private readonly code: string;
  private serial: number;
  private sealed: { content: string; seal: RoomSeal } | null = null;

  /** @param serial of the seal that the room was made anew from, 0 for a new room */
  constructor(secret: Buffer, code: string, serial: number) {
    this.secret = secret;
    this.code = code;
    this.serial = serial;
  }

  /** The same seal as long as the room's seed is the same, else one with the next number. */
  seal(room: Omit<RoomState, 'seal'>): RoomSeal {
    const content = canonical(contentOf(room));
    if (this.sealed?.content === content) return this.sealed.seal;
    this.serial += 1;
    const seal = { serial: this.serial, mac: macOf(this.secret, this.code, this.serial, content) };
    this.sealed = { content, seal };
    return seal;
  }
}

export function isSealed(secret: Buffer, code: string, { seal, ...content }: RoomSeed): boolean {
  return isSameKey(seal.mac, macOf(secret, code, seal.serial, canonical(content)));
}

function macOf(secret: Buffer, code: string, serial: number, content: string): string {
  return createHmac('sha256', secret).update(`${code} ${serial} ${content}`).digest('base64url');
}

/** The same text for the same values, in whatever order their fields were put together. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
