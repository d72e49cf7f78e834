import { openOpfsCache } from '../opfs-cache.ts';
import { memoryRangeSource, type RangeSource } from '../range-source.ts';

/** What a test asks of the cache; it lives here because only a worker may write to it. */
export interface CacheRequest {
  /** `open`: anew, as by another visit. `close`: the tab uses the model no more. */
  action: 'open' | 'close' | 'put' | 'get' | 'has' | 'estimate';
  file: Pick<RangeSource, 'url' | 'validator' | 'size'>;
  start: number;
  end: number;
  /** For `put`. */
  bytes: Uint8Array;
  /** For `estimate`: what the browser says from now on. */
  freeBytes: number;
}

let use = new AbortController();
let opening = openOpfsCache(use.signal);

async function answer({ action, file, start, end, bytes, freeBytes }: CacheRequest): Promise<unknown> {
  if (action === 'estimate') navigator.storage.estimate = async () => ({ quota: freeBytes, usage: 0 });
  if (action === 'open' || action === 'close') use.abort();
  if (action === 'open') {
    use = new AbortController();
    opening = openOpfsCache(use.signal);
  }
  const cache = await opening;
  if (!cache) return 'no cache';
  const source = { ...memoryRangeSource(new Uint8Array(0)), ...file };
  if (action === 'put') return cache.put(source, start, bytes);
  if (action === 'has') return cache.has(source, start, end);
  if (action !== 'get') return null;
  const into = new Uint8Array(end - start);
  return (await cache.get(source, start, into)) ? into : null;
}

self.onmessage = async ({ data, ports }: MessageEvent<CacheRequest>) => ports[0]!.postMessage(await answer(data));
