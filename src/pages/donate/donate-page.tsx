import { useEffect, useMemo } from 'preact/hooks';
import type { RoomView } from '../../room/room-view.ts';
import { deviceRows } from '../ui/device-rows.ts';
import { Entrance, isAtEntrance } from '../ui/entrance.tsx';
import { ErrorLines } from '../ui/error-line.tsx';
import { createFailures } from '../ui/failures.ts';
import { JoinAgain } from '../ui/join-again.tsx';
import { LendSlider } from '../ui/lend-slider.tsx';
import { PageHeader } from '../ui/page-header.tsx';
import type { PageSession } from '../ui/page-session.ts';
import { Requests } from '../ui/requests.tsx';
import { roomSignal } from '../ui/room-signal.ts';
import { keepAwake } from '../ui/wake-lock.ts';
import { DeviceFacts } from './device-facts.tsx';
import { donationState } from './donation-state.ts';
import { LinkList } from './link-list.tsx';
import { NotKept } from './not-kept.tsx';
import { ShardProgress } from './shard-progress.tsx';

interface Props {
  code: string;
  session: PageSession;
}

/** One device lent to a room: what it does for the others, and how to take it back. */
export function DonatePage({ code, session }: Props) {
  const view = useMemo(() => roomSignal(session), [session]).value;
  const isOver = view.phase === 'ended';
  useEffect(() => (isOver ? undefined : keepAwake()), [isOver]);
  return (
    <div class="donate">
      <PageHeader code={code} />
      <main>
        <Body view={view} session={session} />
      </main>
    </div>
  );
}

function Body({ view, session }: { view: RoomView; session: PageSession }) {
  if (view.phase === 'ended') return <Farewell view={view} />;
  if (isAtEntrance(view)) return <Entrance view={view} session={session} />;
  return <Donation view={view} session={session} />;
}

function Donation({ view, session }: { view: RoomView; session: PageSession }) {
  const failures = useMemo(createFailures, []);
  const own = deviceRows(view).find((row) => row.isSelf) ?? null;
  const ownProblem = view.room?.peers.find((peer) => peer.peerId === view.selfId)?.problem ?? null;
  const { state, text } = donationState(view, own);
  return (
    <>
      <Requests view={view} session={session} failures={failures} />
      <h1>Thank you for lending this device</h1>
      <p class="lead">
        It runs a slice of a language model for the people in this room. Keep this page open and the screen on. Nothing is
        installed, and closing the page takes your device back.
      </p>
      <section class="card" aria-label="What this device does">
        <p class="donate-state" role="status" data-testid="donate-state" data-state={state}>
          {text}
        </p>
        <ShardProgress load={view.self.load} />
        <NotKept notKept={view.self.notKept} />
        <ErrorLines errors={[view.error, ownProblem, view.room?.problem ?? null, failures.last.value]} />
        <DeviceFacts view={view} />
      </section>
      <LendSlider
        lendBytes={view.self.lendBytes}
        isMeasured={view.self.profile !== null}
        onChange={(bytes) => void failures.attempt(() => session.setLendBytes(bytes))}
      />
      <LinkList view={view} />
      <button type="button" class="danger" data-testid="leave" onClick={() => session.leave()}>
        Leave the room
      </button>
      <p class="hint">
        A device that runs layers can, in principle, read what passes through it. This page shows none of it and keeps none of it.
      </p>
    </>
  );
}

function Farewell({ view }: { view: RoomView }) {
  const { tokensServed } = view.self;
  return (
    <>
      <h1>{view.error === null ? 'This device is yours again' : 'This device is not in the room'}</h1>
      <ErrorLines errors={[view.error]} />
      <p class="donate-state" data-testid="donate-state" data-state="ended">
        {(view.error === null || tokensServed > 0) && (
          <>
            It has served <span data-testid="tokens-served">{tokensServed}</span> {tokensServed === 1 ? 'token' : 'tokens'}. Thank
            you.
          </>
        )}
      </p>
      <JoinAgain error={view.error} />
      <p class="buttons">
        {view.error === null && (
          <button type="button" onClick={() => location.reload()}>
            Lend it again
          </button>
        )}
        <a class="button" href="/donate">
          Another room
        </a>
      </p>
    </>
  );
}
