import { BEAT_TIMEOUT_MS, GRACE_MS, HOSTLESS_MS, KNOCK_TIMEOUT_MS } from '../src/shared/protocol/signaling.ts';

/** Times that tests shorten, ms. */
export interface RoomTimes {
  /** Changes of the room within this time are told together. */
  stateMs: number;
  /** The same for the progress of loading devices alone. */
  progressMs: number;
  /** From the last change to planning when everything is measured. */
  settleMs: number;
  /** From the last change to planning when a measurement is still missing. */
  unmeasuredMs: number;
  /** From the first unplanned change to planning, however many follow it. */
  patienceMs: number;
  /** How long a room without tabs stays. */
  emptyRoomMs: number;
  /** How long a tab may be silent. */
  beatTimeoutMs: number;
  /** How long a tab whose connection is lost keeps its place. */
  graceMs: number;
  /** How long somebody without the link waits to be let in. */
  knockMs: number;
  /** After how long without a host the rights are offered, and how long each offer stands. */
  hostlessMs: number;
  /** How long a stage that is waited for may load nothing. */
  stallMs: number;
  /** From a failure that may pass to the next try; doubles with every failure of the same device. */
  retryMs: number;
}

export const DEFAULT_TIMES: RoomTimes = {
  stateMs: 60,
  progressMs: 500,
  settleMs: 150,
  unmeasuredMs: 3000,
  patienceMs: 12_000,
  emptyRoomMs: 10 * 60_000,
  beatTimeoutMs: BEAT_TIMEOUT_MS,
  graceMs: GRACE_MS,
  knockMs: KNOCK_TIMEOUT_MS,
  hostlessMs: HOSTLESS_MS,
  stallMs: 60_000,
  retryMs: 15_000,
};
