import { webLocks } from '../weights/web-locks.ts';

/** A tab that holds a lock for longer than this hangs, ms. */
const WAIT_MS = 60_000;

/** Runs the task while no other tab runs one under this name, unless that one hangs. @throws what the task throws */
export async function withLock<T>(name: string, task: () => Promise<T>): Promise<T> {
  const locks = webLocks();
  if (!locks) return task();
  let isHeld = false;
  const held = () => {
    isHeld = true;
    return task();
  };
  try {
    return await locks.request(name, { signal: AbortSignal.timeout(WAIT_MS) }, held);
  } catch (thrown) {
    if (isHeld) throw thrown;
    return task();
  }
}
