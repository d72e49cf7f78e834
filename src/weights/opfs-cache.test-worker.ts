import { openOpfsCache } from './opfs-cache.ts';
import { memoryRangeSource } from './range-source.ts';

/** What a test asks of the cache; it lives here because only a worker may write to it. */
export interface CacheRequest {
  action: 'put' | 'get' | 'has';
  url: string;
  validator: string | null;
  start: number;
  /** The bytes for `put`; else as many as the entry has. */
  bytes: Uint8Array;
}

self.onmessage = async ({ data, ports }: MessageEvent<CacheRequest>) => {
  const { action, url, validator, start, bytes } = data;
  const cache = await openOpfsCache();
  const source = { ...memoryRangeSource(new Uint8Array(0), 1, url), validator, size: 1000 };
  const answer = () => {
    if (!cache) return 'no cache';
    if (action === 'put') return cache.put(source, start, bytes);
    if (action === 'has') return cache.has(source, start, start + bytes.length);
    const into = new Uint8Array(bytes.length);
    return cache.get(source, start, into).then((isThere) => (isThere ? into : null));
  };
  ports[0]!.postMessage(await answer());
};
