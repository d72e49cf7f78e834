/** The locks that all tabs of one browser share (Web Locks specification); missing in Node and outside of secure contexts. */
export function webLocks(): LockManager | null {
  return globalThis.navigator?.locks ?? null;
}
