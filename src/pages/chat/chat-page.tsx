import { useMemo } from 'preact/hooks';
import type { RoomView } from '../../room/room-view.ts';
import { Entrance, isAtEntrance } from '../ui/entrance.tsx';
import { ErrorLines } from '../ui/error-line.tsx';
import { createFailures } from '../ui/failures.ts';
import { JoinAgain } from '../ui/join-again.tsx';
import { PageHeader } from '../ui/page-header.tsx';
import type { PageSession } from '../ui/page-session.ts';
import { Requests } from '../ui/requests.tsx';
import { roomSignal } from '../ui/room-signal.ts';
import type { ChatEngine } from './chat-engine.ts';
import { createConversation } from './conversation.ts';
import { ConversationView } from './conversation-view.tsx';
import { noticeOf, waitingFor } from './readiness.ts';
import { RoomPanel } from './room-panel.tsx';

export interface ChatSession extends PageSession {
  readonly pool: ChatEngine;
}

interface Props {
  code: string;
  session: ChatSession;
  /** Of the share address: `https://192.168.1.20:8443`. */
  origin: string;
}

/** A chat in a room: the conversation, and the devices that answer. */
export function ChatPage({ code, session, origin }: Props) {
  const view = useMemo(() => roomSignal(session), [session]).value;
  const conversation = useMemo(() => createConversation(session.pool), [session]);
  const failures = useMemo(createFailures, []);
  const atEntrance = isAtEntrance(view);
  const hasTurns = conversation.turns.value.length > 0;
  return (
    <div class="chat">
      <PageHeader code={code}>
        <button type="button" data-testid="new-conversation" disabled={!hasTurns} onClick={() => conversation.clear()}>
          New chat
        </button>
      </PageHeader>
      <div class="notices">
        <Requests view={view} session={session} failures={failures} />
        <ErrorLines errors={[atEntrance ? null : view.error, view.room?.problem ?? null, failures.last.value]} />
        <EndNote view={view} />
      </div>
      <RoomPanel
        view={view}
        session={session}
        failures={failures}
        origin={origin}
        measuredMsPerToken={conversation.msPerToken.value}
      />
      {atEntrance && (
        <main class="entrance">
          <Entrance view={view} session={session} />
        </main>
      )}
      {(view.phase !== 'ended' || hasTurns) && (
        <ConversationView conversation={conversation} isHidden={atEntrance} waiting={waitingFor(view)} notice={noticeOf(view)} />
      )}
    </div>
  );
}

function EndNote({ view }: { view: RoomView }) {
  if (view.phase !== 'ended') return null;
  return (
    <>
      <p class="note">
        This tab is not in the room. <a href="/chat">Create or join a room</a>
      </p>
      <JoinAgain error={view.error} />
    </>
  );
}
