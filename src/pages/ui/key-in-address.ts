import type { PageSession } from './page-session.ts';

/** Keeps the room's present key in the address: reloaded or passed on, it needs nobody who lets in. */
export function keepKeyInAddress(session: Pick<PageSession, 'view' | 'subscribe'>): void {
  session.subscribe(({ room }) => {
    const fragment = room === null ? '' : `#k=${room.joinKey}`;
    if (fragment !== '' && location.hash !== fragment) history.replaceState(history.state, '', fragment);
  });
}
