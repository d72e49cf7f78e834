import type { RoomView } from '../../room/room-view.ts';
import type { PageSession } from './page-session.ts';
import { PassphraseForm } from './passphrase-form.tsx';
import { Asking } from './waiting-for-host.tsx';

/** True while a person, here or in the room, has to do something before this tab is in it. */
export function isAtEntrance({ phase }: Pick<RoomView, 'phase'>): boolean {
  return phase === 'asking' || phase === 'passphrase';
}

/** What a page shows then. */
export function Entrance({ view, session }: { view: RoomView; session: PageSession }) {
  return view.phase === 'asking' ? (
    <Asking onGiveUp={() => session.leave()} />
  ) : (
    <PassphraseForm error={view.error} onGiven={(passphrase) => session.givePassphrase(passphrase)} />
  );
}
