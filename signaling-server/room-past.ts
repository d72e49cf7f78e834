import type { RoomSeed } from '../src/shared/protocol/signaling.ts';
import { withLaterSeed } from './room-seed.ts';
import type { Room, Step } from './room-state.ts';

/** What a room was made anew from. Later word of the time before may come for a while; what the room has said since then is none. */
export class RoomPast {
  private seed: RoomSeed;
  /** The epoch that the room gives next, as long as it has given none. */
  private ungivenEpoch: number;
  private readonly firstSealMs: number;
  private readonly untilMs: number;

  /**
   * @param made the room as it was made
   * @param firstSealMs the date of the first seal of the room as it is now
   * @param untilMs on the server's clock
   */
  constructor(seed: RoomSeed, made: Room, firstSealMs: number, untilMs: number) {
    this.seed = seed;
    this.ungivenEpoch = made.nextEpoch;
    this.firstSealMs = firstSealMs;
    this.untilMs = untilMs;
  }

  /** @returns null where the seed adds nothing @throws AppError bad-message when it contradicts itself */
  learn(room: Room, later: RoomSeed, nowMs: number): Step | null {
    const { dateMs } = later.seal;
    if (nowMs > this.untilMs || dateMs <= this.seed.seal.dateMs || dateMs >= this.firstSealMs) return null;
    const step = withLaterSeed(room, this.seed, later, room.nextEpoch === this.ungivenEpoch);
    this.seed = later;
    if (room.nextEpoch === this.ungivenEpoch) this.ungivenEpoch = step.room.nextEpoch;
    return step;
  }
}
