import type { ErrorReport } from '../../shared/errors.ts';
import { adviceFor } from './advice.ts';

/** What went wrong and what to do about it. */
export function ErrorLine({ error }: { error: ErrorReport }) {
  return (
    <p class="error" role="alert" data-testid="error" data-code={error.code}>
      <strong>{error.message}</strong> <span>{adviceFor(error.code)}</span>
    </p>
  );
}

/** Several failures, each told once. */
export function ErrorLines({ errors }: { errors: readonly (ErrorReport | null)[] }) {
  const told = new Map(errors.filter((error) => error !== null).map((error) => [error.message, error]));
  return (
    <>
      {[...told.values()].map((error) => (
        <ErrorLine key={error.message} error={error} />
      ))}
    </>
  );
}
