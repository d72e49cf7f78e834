import { PipelineClient } from '../workers/client.ts';
import { readDeviceHints } from './device-hints.ts';
import { RoomLinks } from './room-links.ts';
import { RoomSession, type SessionOptions } from './room-session.ts';
import { SignalingClient } from './signaling-client.ts';

/** Joins a room with this tab's device; what happens then is told through `view`. */
export function openRoom(options: SessionOptions): RoomSession {
  const session = new RoomSession(options, {
    openSignaling: (onProtocolError) => new SignalingClient({ onProtocolError }),
    openWorker: (onMessage) => new PipelineClient(onMessage),
    openLinks: (...args) => new RoomLinks(...args),
    hints: readDeviceHints(),
  });
  addEventListener('pagehide', () => session.leave());
  // A page that comes back from the browser's history cache has left its room.
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  return session;
}
