/** Numbered by the server when a tab joins; unique within a room for as long as the room lives; 1 to 2^32 - 1. */
export type PeerId = number;

/** A measured link between two devices. Links are symmetric: `a < b`. */
export interface LinkProfile {
  a: PeerId;
  b: PeerId;
  /** A small message there and back, from one pipeline to the other over the channel that carries activations, ms. */
  rttMs: number;
  /** Megabits per second, 10^6 bits. */
  linkMbps: number;
  /** What every message costs besides its way and its bits, ms; none when left out. */
  fixedMs?: number;
}
