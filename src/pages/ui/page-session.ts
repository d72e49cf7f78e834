import type { RoomView } from '../../pool/room-view.ts';
import type { RoomSettings } from '../../shared/model/room-settings.ts';

/** The part of a room session that the pages use, so that a test can stand in for the room. */
export interface PageSession {
  readonly view: RoomView;
  /** The listener gets every later view. @returns what ends the subscription */
  subscribe(listener: (view: RoomView) => void): () => void;
  setDonates(donates: boolean): Promise<void>;
  setLendBytes(lendBytes: number): Promise<void>;
  setSettings(settings: RoomSettings): Promise<void>;
  leave(): void;
}

export type CreateRoom = (settings: Partial<RoomSettings>) => Promise<{ code: string }>;
