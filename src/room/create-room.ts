import type { RoomSettings } from '../shared/model/room-settings.ts';
import { PROTOCOL_VERSION } from '../shared/protocol/signaling.ts';
import { rememberKey } from './kept-keys.ts';
import { SignalingClient } from './signaling-client.ts';

/**
 * Makes a room on this page's server; this browser becomes its host.
 * @param passphrase null when the room's link is enough
 * @throws AppError server-unreachable, version-mismatch, server-full, too-many-tries
 */
export async function createRoom(
  settings: Partial<RoomSettings>,
  passphrase: string | null,
): Promise<{ code: string; joinKey: string }> {
  const signaling = new SignalingClient();
  try {
    const made = await signaling.request('room:create', { version: PROTOCOL_VERSION, settings, passphrase });
    rememberKey('host', made.code, made.hostKey);
    rememberKey('join', made.code, made.joinKey);
    return { code: made.code, joinKey: made.joinKey };
  } finally {
    signaling.close();
  }
}
