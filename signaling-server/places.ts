import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Clock } from './clock.ts';
import type { Notice } from './room-state.ts';

/** The way to one tab. */
export type Outlet = (notice: Notice) => void;

/** Where a tab is heard, while its connection is there or may come back. */
interface Place {
  outlet: Outlet | null;
  seenMs: number;
  /** Since its connection is lost. */
  awaySinceMs: number;
}

/** A tab whose connection is there and brings nothing. */
export interface Silent {
  peerId: PeerId;
  outlet: Outlet;
  silentMs: number;
}

/** Which connection speaks for which tab of a room, and since when those that are lost are. */
export class Places {
  private readonly clock: Clock;
  private readonly places = new Map<PeerId, Place>();
  /** Null while somebody is here. */
  private emptySinceMs: number | null;

  constructor(clock: Clock) {
    this.clock = clock;
    this.emptySinceMs = clock.now();
  }

  /** Whatever connection the tab had before speaks for nobody. */
  take(peerId: PeerId, outlet: Outlet): void {
    const nowMs = this.clock.now();
    this.places.set(peerId, { outlet, seenMs: nowMs, awaySinceMs: nowMs });
    this.noteEmpty();
  }

  /** Its connection is lost; it may come back. */
  vacate(peerId: PeerId): void {
    const place = this.places.get(peerId);
    if (!place) return;
    place.outlet = null;
    place.awaySinceMs = this.clock.now();
    this.noteEmpty();
  }

  /** Those of them that are not here may come back as well. */
  keepFor(members: readonly { peerId: PeerId }[]): void {
    const nowMs = this.clock.now();
    for (const { peerId } of members) {
      if (!this.places.has(peerId)) this.places.set(peerId, { outlet: null, seenMs: nowMs, awaySinceMs: nowMs });
    }
  }

  keepOnly(present: ReadonlySet<PeerId>): void {
    for (const peerId of this.places.keys()) if (!present.has(peerId)) this.places.delete(peerId);
    this.noteEmpty();
  }

  heardFrom(peerId: PeerId): void {
    const place = this.places.get(peerId);
    if (place) place.seenMs = this.clock.now();
  }

  isAt(peerId: PeerId, outlet: Outlet): boolean {
    return this.outletOf(peerId) === outlet;
  }

  outletOf(peerId: PeerId): Outlet | null {
    return this.places.get(peerId)?.outlet ?? null;
  }

  outlets(): (Outlet | null)[] {
    return [...this.places.values()].map(({ outlet }) => outlet);
  }

  silentFor(ms: number): Silent[] {
    const nowMs = this.clock.now();
    return [...this.places].flatMap(([peerId, { outlet, seenMs }]) =>
      outlet && nowMs - seenMs > ms ? [{ peerId, outlet, silentMs: nowMs - seenMs }] : [],
    );
  }

  awayFor(ms: number): PeerId[] {
    const nowMs = this.clock.now();
    return [...this.places].filter(([, place]) => !place.outlet && nowMs - place.awaySinceMs > ms).map(([peerId]) => peerId);
  }

  /** How long nobody has been here, ms; 0 while somebody is. */
  emptyMs(): number {
    return this.emptySinceMs === null ? 0 : this.clock.now() - this.emptySinceMs;
  }

  private noteEmpty(): void {
    const isEmpty = this.outlets().every((outlet) => outlet === null);
    if (isEmpty) this.emptySinceMs ??= this.clock.now();
    else this.emptySinceMs = null;
  }
}
