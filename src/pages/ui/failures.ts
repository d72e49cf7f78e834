import { type ReadonlySignal, signal } from '@preact/signals';
import { AppError, type ErrorReport } from '../../shared/errors.ts';

export interface Failures {
  /** What went wrong last, null once something has worked again or what it was about is gone. */
  readonly last: ReadonlySignal<ErrorReport | null>;
  /**
   * Runs what a button does, and keeps its failure for the page to show.
   * @param subject what it is about, if that may go
   * @returns whether it worked
   */
  attempt(action: () => Promise<void>, subject?: object): Promise<boolean>;
  /** Something is gone: shows no failure about it any more. */
  forget(subject: object): void;
}

export function createFailures(): Failures {
  const last = signal<ErrorReport | null>(null);
  let lastSubject: object | undefined;
  const gone = new WeakSet<object>();
  async function attempt(action: () => Promise<void>, subject?: object): Promise<boolean> {
    try {
      await action();
      last.value = null;
      return true;
    } catch (thrown) {
      if (subject && gone.has(subject)) return false;
      last.value = AppError.from(thrown).toReport();
      lastSubject = subject;
      return false;
    }
  }
  function forget(subject: object): void {
    gone.add(subject);
    if (lastSubject === subject) last.value = null;
  }
  return { last, attempt, forget };
}
