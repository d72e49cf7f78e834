import type { RoomView } from '../../room/room-view.ts';
import { loadedPercent } from '../ui/format.ts';

/** What a chat waits for before it can ask, for people; null when it can. */
export function waitingFor({ phase, room }: RoomView): string | null {
  if (phase === 'ended') return 'This tab has left the room.';
  if (room === null) return 'Joining the room…';
  if (room.plan !== null) return null;
  if (room.preparing !== null) return loadingWords(room);
  const donors = room.peers.filter(({ donates }) => donates);
  if (donors.length === 0) return 'No device takes part yet: open the donate page on one, or switch this one on.';
  if (donors.some(({ profile, problem }) => profile === null && problem === null))
    return 'The devices are measuring their speed…';
  return room.problem === null ? 'The server is planning who runs which layers…' : 'The room has no plan.';
}

/** For people: what is not as usual although the chat goes on; null when all is. */
export function noticeOf({ phase }: Pick<RoomView, 'phase'>): string | null {
  return phase === 'reconnecting' ? 'The server is away; answers go on.' : null;
}

function loadingWords(room: NonNullable<RoomView['room']>): string {
  const loads = room.peers.map(({ progress }) => progress).filter((progress) => progress !== null);
  const loadedBytes = loads.reduce((sum, load) => sum + load.loadedBytes, 0);
  const shardBytes = loads.reduce((sum, load) => sum + load.shardBytes, 0);
  const percent = shardBytes === 0 ? 0 : loadedPercent({ loadedBytes, shardBytes });
  return `The devices are loading their layers: ${percent}%…`;
}
