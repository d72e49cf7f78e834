import type { SignalData } from '../../src/shared/protocol/signaling.ts';

/** What a page that times hops can be told to do; on `globalThis.page`. */
export interface HopTab {
  /** Links itself with the other tab; resolves when the link is open and its first measurement is over. */
  join(selfId: number, otherId: number): Promise<void>;
  hear(from: number, data: SignalData): void;
  /** Sends frames of so many bytes and waits for each to come back. @returns round trips, ms */
  timeRoundTrips(to: number, frameBytes: number, count: number): Promise<number[]>;
}

/** Given to the page by whoever drives it: brings a signal to the other tab. */
export type SendSignal = (to: number, data: SignalData) => Promise<void>;

export type ToHopWorker = { selfId: number; links: MessagePort } | { to: number; frameBytes: number; count: number };
