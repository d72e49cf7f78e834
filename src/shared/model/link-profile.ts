import * as v from 'valibot';
import { measure } from './numbers.ts';

/** Numbered by the server when a tab joins; unique within a room for as long as the room lives; 1 to 2^32 - 1. */
export type PeerId = number;

export const LinkMeasureSchema = v.strictObject({
  /** A small message there and back, from one pipeline to the other over the channel that carries activations, ms. */
  rttMs: measure,
  /** Megabits per second, 10^6 bits. */
  linkMbps: measure,
});
export type LinkMeasure = v.InferOutput<typeof LinkMeasureSchema>;

/** A measured link between two devices. Links are symmetric: `a < b`. */
export interface LinkProfile extends LinkMeasure {
  a: PeerId;
  b: PeerId;
  /** What every message costs besides its way and its bits, ms; none when left out. */
  fixedMs?: number;
}
