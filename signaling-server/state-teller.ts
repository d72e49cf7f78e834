import { roomChange } from '../src/shared/protocol/room-change.ts';
import type { RoomChange, RoomState } from '../src/shared/protocol/signaling.ts';
import type { Clock } from './clock.ts';

/**
 * Tells the tabs of a room what has changed, changes of a short time together: the state that everybody knows is kept, and the
 * difference to the present one sent.
 */
export class StateTeller {
  private readonly clock: Clock;
  private readonly present: () => RoomState;
  private readonly send: (change: RoomChange) => void;
  private known: RoomState;
  private due: { atMs: number; cancel: () => void } | null = null;

  constructor(clock: Clock, present: () => RoomState, send: (change: RoomChange) => void) {
    this.clock = clock;
    this.present = present;
    this.send = send;
    this.known = present();
  }

  /** Something has changed that may be told within this time. */
  soon(withinMs: number): void {
    const atMs = this.clock.now() + withinMs;
    if (this.due && this.due.atMs <= atMs) return;
    this.due?.cancel();
    this.due = { atMs, cancel: this.clock.after(withinMs, () => this.now()) };
  }

  /** Tells what is still untold. @returns the state that everybody knows now */
  now(): RoomState {
    this.due?.cancel();
    this.due = null;
    const before = this.known;
    this.known = this.present();
    const change = roomChange(before, this.known);
    if (change) this.send(change);
    return this.known;
  }

  /** Tells what is still untold, for the last time. */
  close(): void {
    if (this.due) this.now();
  }
}
