import { webLocks } from './web-locks.ts';

/** Held shared by every tab that has the model open; whoever evicts needs it alone. */
const lockName = (model: string) => `edgeshard-stored-model-${model}`;

/** Says to all tabs that this one uses the model, until `signal`. Resolves when it is said. Without Web Locks nobody knows. */
export function holdModel(model: string, signal: AbortSignal): Promise<void> {
  const locks = webLocks();
  if (!locks) return Promise.resolve();
  return new Promise((resolve) => {
    const hold = () => {
      resolve();
      return new Promise<void>((end) => {
        if (signal.aborted) end();
        signal.addEventListener('abort', () => end(), { once: true });
      });
    };
    locks.request(lockName(model), { mode: 'shared', signal }, hold).catch(() => resolve());
  });
}

/** Does something with a model that no tab uses, and that none begins to use meanwhile. @returns null for one in use */
export async function withUnused<T>(model: string, task: () => Promise<T>): Promise<T | null> {
  const locks = webLocks();
  if (!locks) return task();
  return locks.request(lockName(model), { ifAvailable: true }, async (lock) => (lock ? await task() : null));
}
