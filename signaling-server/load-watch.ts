import { AppError } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { LoadProgress } from '../src/shared/model/load-progress.ts';
import { memberOf, type Room } from './room-state.ts';

export interface Stall {
  peerId: PeerId;
  error: AppError;
}

/**
 * Watches the stages that a room waits for. A phone may take as long as it needs, but something of its part has to arrive now
 * and then: a tab can go on beating although its load will never end.
 */
export class LoadWatch {
  private epoch = 0;
  private readonly moved = new Map<PeerId, { loadedBytes: number; atMs: number }>();

  /** To be called every second or so. @returns the stages of the plan in preparation that loaded nothing for longer than allowed */
  stalled(room: Room, nowMs: number, allowedMs: number): Stall[] {
    const { preparing, ready } = room;
    if (preparing && preparing.epoch !== this.epoch) {
      this.epoch = preparing.epoch;
      this.moved.clear();
    }
    const waited = preparing?.stages.filter(({ peerId }) => !ready.has(peerId)) ?? [];
    return waited.flatMap(({ peerId }) => {
      const progress = memberOf(room, peerId)?.progress ?? NOTHING;
      const silentMs = nowMs - this.lastMoved(peerId, progress.loadedBytes, nowMs);
      return silentMs > allowedMs ? [{ peerId, error: stallError(progress, silentMs, allowedMs) }] : [];
    });
  }

  private lastMoved(peerId: PeerId, loadedBytes: number, nowMs: number): number {
    const before = this.moved.get(peerId);
    if (before?.loadedBytes === loadedBytes) return before.atMs;
    this.moved.set(peerId, { loadedBytes, atMs: nowMs });
    return nowMs;
  }
}

const NOTHING: LoadProgress = { loadedBytes: 0, shardBytes: 0 };

function stallError({ loadedBytes, shardBytes }: LoadProgress, silentMs: number, allowedMs: number): AppError {
  const part = shardBytes > 0 ? { loadedBytes, shardBytes } : {};
  const values = { silentMs: 1000 * Math.round(silentMs / 1000), allowedMs, ...part };
  const message = `nothing of ${shardBytes} bytes loaded for ${values.silentMs} ms, ${loadedBytes} are there`;
  return new AppError('stage-failed', message, { values });
}
