import { type ReadonlySignal, signal } from '@preact/signals';
import { AppError, type ErrorReport } from '../../shared/errors.ts';

export interface Failures {
  /** What went wrong last, null once something has worked again. */
  readonly last: ReadonlySignal<ErrorReport | null>;
  /** Runs what a button does, and keeps its failure for the page to show. @returns whether it worked */
  attempt(action: () => Promise<void>): Promise<boolean>;
}

export function createFailures(): Failures {
  const last = signal<ErrorReport | null>(null);
  async function attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      last.value = null;
      return true;
    } catch (thrown) {
      last.value = AppError.from(thrown).toReport();
      return false;
    }
  }
  return { last, attempt };
}
