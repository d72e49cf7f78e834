import { type ReadonlySignal, signal } from '@preact/signals';
import type { RoomView } from '../../room/room-view.ts';
import type { PageSession } from './page-session.ts';
import { throttle } from './throttle.ts';

/** While shards load, the view changes with every piece that comes; nobody reads faster than this. */
const DRAW_INTERVAL_MS = 50;

/** The session's view as a signal, drawn at intervals, and its phase on the root element. */
export function roomSignal(session: PageSession, root: HTMLElement = document.documentElement): ReadonlySignal<RoomView> {
  const view = signal(session.view);
  const publish = () => {
    view.value = session.view;
    root.dataset.phase = session.view.phase;
  };
  publish();
  const draw = throttle(publish, DRAW_INTERVAL_MS);
  session.subscribe(draw.request);
  return view;
}
