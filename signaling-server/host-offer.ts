import type { PeerId } from '../src/shared/model/link-profile.ts';
import { hasConnectedHost, type Room } from './room-state.ts';

/**
 * Decides to whom the rights of a room without a host are offered: after a while without one, to the chat that has been there
 * longest, and when it does not want them or does not answer, to the next.
 */
export class HostOffer {
  private readonly standsMs: number;
  private hostlessSinceMs: number | null = null;
  private offeredAtMs = 0;
  private readonly declined = new Set<PeerId>();

  /** @param standsMs how long a room must be without a host, and how long an offer stands */
  constructor(standsMs: number) {
    this.standsMs = standsMs;
  }

  decline(peerId: PeerId): void {
    this.declined.add(peerId);
  }

  /** To be called every second or so. @returns to whom the rights should be offered now; null for nobody */
  next(room: Room, nowMs: number): PeerId | null {
    if (hasConnectedHost(room)) {
      this.hostlessSinceMs = null;
      this.declined.clear();
      return null;
    }
    this.hostlessSinceMs ??= nowMs;
    if (nowMs - this.hostlessSinceMs < this.standsMs) return null;
    const { offeredTo } = room;
    if (offeredTo !== null && nowMs - this.offeredAtMs < this.standsMs && !this.declined.has(offeredTo)) return offeredTo;
    if (offeredTo !== null) this.declined.add(offeredTo);
    this.offeredAtMs = nowMs;
    return this.longestThere(room, nowMs);
  }

  /** Ids count up: the least one came first. When everybody has declined, they are asked again after a while. */
  private longestThere(room: Room, nowMs: number): PeerId | null {
    const chats = room.members.filter(({ chats, connected }) => chats && connected);
    const willing = chats.find(({ peerId }) => !this.declined.has(peerId));
    if (willing) return willing.peerId;
    this.declined.clear();
    this.hostlessSinceMs = nowMs;
    return null;
  }
}
