import type { ErrorCode, ErrorReport } from '../../shared/errors.ts';
import { adviceFor } from './advice.ts';

/** Somebody decided so, or nobody was there to decide: nothing is broken. */
const CALM: ErrorCode[] = ['not-allowed', 'nobody-allows', 'removed'];

/** What went wrong and what to do about it. */
export function ErrorLine({ error }: { error: ErrorReport }) {
  const isCalm = CALM.includes(error.code);
  return (
    <div class={isCalm ? 'error calm' : 'error'} role={isCalm ? 'status' : 'alert'} data-testid="error" data-code={error.code}>
      <p>
        <strong>{error.message}</strong> <span>{adviceFor(error.code)}</span>
      </p>
      {error.code === 'version-mismatch' && (
        <button type="button" data-testid="reload" onClick={() => location.reload()}>
          Reload
        </button>
      )}
    </div>
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
