import { AppError } from '../shared/errors.ts';

export function stopped(): AppError {
  return new AppError('stopped', 'stopped');
}

/**
 * Settles as `promise` does, or at once when the signal aborts: whoever stops does not wait for what is under way. What it
 * comes to afterwards is nobody's business.
 *
 * @throws AppError stopped when aborted first
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  if (signal.aborted) return Promise.reject(stopped());
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(stopped());
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
