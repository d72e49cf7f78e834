import type { RoomView } from '../../room/room-view.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { RoomSettings } from '../../shared/model/room-settings.ts';

/** The part of a room session that the pages use, so that a test can stand in for the room. */
export interface PageSession {
  readonly view: RoomView;
  /** The listener gets every later view. @returns what ends the subscription */
  subscribe(listener: (view: RoomView) => void): () => void;
  setDonates(donates: boolean): Promise<void>;
  setLendBytes(lendBytes: number): Promise<void>;
  setSettings(settings: RoomSettings): Promise<void>;
  allow(knockId: number, allow: boolean): Promise<void>;
  removePeer(peerId: PeerId): Promise<void>;
  renewLink(): Promise<void>;
  takeHost(accept: boolean): Promise<void>;
  givePassphrase(passphrase: string): void;
  leave(): void;
}

/** @param passphrase null when the room's link is enough */
export type CreateRoom = (
  settings: Partial<RoomSettings>,
  passphrase: string | null,
) => Promise<{ code: string; joinKey: string }>;
