import { useSignal } from '@preact/signals';
import { useLayoutEffect, useMemo } from 'preact/hooks';
import type { Failures } from './failures.ts';

interface Once {
  /** True from the first press on, unless it failed. */
  isDone: boolean;
  attempt(action: () => Promise<void>): void;
}

/**
 * For the buttons of something that is gone once one of them has worked: the second click of a double click would be refused. A
 * failure is shown until one works, or until the component of that something is gone as well.
 */
export function useOnce(failures: Failures): Once {
  const subject = useMemo(() => ({}), []);
  const isDone = useSignal(false);
  useLayoutEffect(() => () => failures.forget(subject), []);
  const attempt = async (action: () => Promise<void>) => {
    if (isDone.value) return;
    isDone.value = true;
    isDone.value = await failures.attempt(action, subject);
  };
  return { isDone: isDone.value, attempt: (action) => void attempt(action) };
}
