/** The locks that all tabs of one browser share (Web Locks specification); missing in Node and outside of secure contexts. */
export function webLocks(): LockManager | null {
  return globalThis.navigator?.locks ?? null;
}

/** Runs the task while no other tab runs one under this name. @throws what the task throws */
export async function withLock<T>(name: string, task: () => Promise<T>): Promise<T> {
  const locks = webLocks();
  return locks ? locks.request(name, task) : task();
}
