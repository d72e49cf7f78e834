import type { ErrorReport } from '../shared/errors.ts';
import type { RoomView } from './room-view.ts';

/** Why the room cannot answer at all and waiting will not help; null when it can, or may soon. */
export function refusalOf({ phase, room, error }: RoomView): ErrorReport | null {
  if (phase === 'ended') return error ?? { code: 'not-joined', message: 'this tab has left the room' };
  if (room?.plan || room?.preparing) return null;
  return room?.problem ?? error;
}
