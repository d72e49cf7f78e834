import type { RoomView } from '../../room/room-view.ts';
import type { Failures } from './failures.ts';
import { KnockList } from './knock-list.tsx';
import type { PageSession } from './page-session.ts';
import { TakeOver } from './take-over.tsx';

interface Props {
  view: RoomView;
  session: PageSession;
  failures: Failures;
}

/** What somebody else waits for this person to answer. */
export function Requests({ view, session, failures }: Props) {
  const { room, isHost, selfId, phase } = view;
  if (room === null || phase === 'ended') return null;
  const canAnswer = phase === 'joined';
  return (
    <>
      {isHost && (
        <KnockList
          knocks={room.knocks}
          canAnswer={canAnswer}
          failures={failures}
          onAnswer={(knockId, allow) => session.allow(knockId, allow)}
        />
      )}
      {room.offeredTo !== null && room.offeredTo === selfId && (
        <TakeOver canAnswer={canAnswer} failures={failures} onAnswer={(accept) => session.takeHost(accept)} />
      )}
    </>
  );
}
