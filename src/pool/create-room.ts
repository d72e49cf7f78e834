import { SignalingClient } from '../mesh/signaling-client.ts';
import type { RoomSettings } from '../shared/model/room-settings.ts';
import { rememberHostKey } from './keys.ts';

/** Makes a room on this page's server; this browser becomes its host. @throws AppError server-unreachable */
export async function createRoom(settings: Partial<RoomSettings>): Promise<{ code: string }> {
  const signaling = new SignalingClient();
  try {
    const { code, hostKey } = await signaling.request('room:create', { settings });
    rememberHostKey(code, hostKey);
    return { code };
  } finally {
    signaling.close();
  }
}
