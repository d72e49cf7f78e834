/** Keeps what tuning found, from visit to visit. */
export interface TuningStore {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
}

const CACHE_NAME = 'tuning';

/** The browser's Cache Storage (Service Worker specification), which workers have too. Where there is none, nothing is kept. */
export const cacheStorageTunings: TuningStore = {
  get: async (key) => {
    try {
      const cache = await caches.open(CACHE_NAME);
      return (await (await cache.match(addressOf(key)))?.text()) ?? null;
    } catch {
      return null;
    }
  },
  put: async (key, value) => {
    try {
      const cache = await caches.open(CACHE_NAME);
      await cache.put(addressOf(key), new Response(value));
    } catch {
      // It is measured again then.
    }
  },
};

/** Entries of a cache are found by address; nobody asks this one for anything. */
function addressOf(key: string): string {
  return `/tuning/${encodeURIComponent(key)}`;
}
