/** Keeps what was found out about this device, from visit to visit. */
export interface KeptValues {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
}

/** In the browser's Cache Storage (Service Worker specification), which workers have too. Where there is none, nothing is kept. */
export function keptIn(cacheName: string): KeptValues {
  // Entries of a cache are found by address; nobody asks this one for anything.
  const addressOf = (key: string) => `/${cacheName}/${encodeURIComponent(key)}`;
  return {
    get: async (key) => {
      try {
        const cache = await caches.open(cacheName);
        return (await (await cache.match(addressOf(key)))?.text()) ?? null;
      } catch {
        return null;
      }
    },
    put: async (key, value) => {
      try {
        const cache = await caches.open(cacheName);
        await cache.put(addressOf(key), new Response(value));
      } catch {
        // It is found out again then.
      }
    },
  };
}
