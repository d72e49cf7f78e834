import type { SelfView } from '../../room/room-view.ts';
import { formatBytes } from '../ui/format.ts';

/** Nothing that anybody has to do anything about: next time it is downloaded again. */
export function NotKept({ notKept }: Pick<SelfView, 'notKept'>) {
  if (notKept === null) return null;
  return (
    <p class="hint" data-testid="not-kept">
      {formatBytes(notKept.neededBytes)} could not be kept for next time: this browser has{' '}
      {notKept.freeBytes === 0 ? 'no room left' : `only ${formatBytes(notKept.freeBytes)} left`} for this site.
    </p>
  );
}
