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
  attempt(action: () => Promise<void>, subject?: symbol): Promise<boolean>;
  /** Shows no failure about something that is gone. */
  forget(subject: symbol): void;
}

export function createFailures(): Failures {
  const last = signal<ErrorReport | null>(null);
  let lastSubject: symbol | undefined;
  async function attempt(action: () => Promise<void>, subject?: symbol): Promise<boolean> {
    try {
      await action();
      last.value = null;
      return true;
    } catch (thrown) {
      last.value = AppError.from(thrown).toReport();
      lastSubject = subject;
      return false;
    }
  }
  function forget(subject: symbol): void {
    if (lastSubject === subject) last.value = null;
  }
  return { last, attempt, forget };
}
