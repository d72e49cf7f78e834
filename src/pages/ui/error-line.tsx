import type { ErrorCode, ErrorReport } from '../../shared/errors.ts';
import { errorAdvice, errorDetails, errorLine } from '../texts/errors.ts';

/** Somebody decided so, or nobody was there to decide: nothing is broken. */
const CALM: ErrorCode[] = ['not-allowed', 'nobody-allows', 'removed'];

/** What went wrong and what to do about it. */
export function ErrorLine({ error }: { error: ErrorReport }) {
  const isCalm = CALM.includes(error.code);
  const details = errorDetails(error);
  return (
    <div class={isCalm ? 'error calm' : 'error'} role={isCalm ? 'status' : 'alert'} data-testid="error" data-code={error.code}>
      <p>
        <strong>{errorLine(error)}.</strong> <span>{errorAdvice(error.code)}</span>
      </p>
      {details !== null && (
        <details data-testid="error-details">
          <summary>Details</summary>
          <p>{details}</p>
        </details>
      )}
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
  const told = new Map(errors.filter((error) => error !== null).map((error) => [errorLine(error), error]));
  return (
    <>
      {[...told].map(([line, error]) => (
        <ErrorLine key={line} error={error} />
      ))}
    </>
  );
}
