import type { RangeSource } from '../range-source.ts';
import type { ShardCache, Shortage } from '../shard-cache.ts';
import type { CacheRequest } from './opfs-cache-worker.ts';

/** The cache of a tab: what it does happens in a worker. */
export class OpfsTab implements ShardCache {
  private readonly worker = new Worker(new URL('./opfs-cache-worker.ts', import.meta.url), { type: 'module' });

  /** As by a new visit. */
  async open(): Promise<this> {
    await this.ask('open');
    return this;
  }

  /** The models of this tab are not in use any more. */
  async close(): Promise<void> {
    await this.ask('close');
  }

  /** From now on this tab's browser says that it has so much left; what there really is stays as it is. */
  async pretendFree(freeBytes: number): Promise<void> {
    await this.ask('estimate', { freeBytes });
  }

  has(source: RangeSource, start: number, end: number): Promise<boolean> {
    return this.ask('has', { file: named(source), start, end }) as Promise<boolean>;
  }

  async get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean> {
    const bytes = await this.ask('get', { file: named(source), start, end: start + into.length });
    if (bytes) into.set(bytes as Uint8Array);
    return bytes !== null;
  }

  put(source: RangeSource, start: number, bytes: Uint8Array): Promise<Shortage | null> {
    return this.ask('put', { file: named(source), start, bytes }) as Promise<Shortage | null>;
  }

  /** The tab is closed, or dies. */
  terminate(): void {
    this.worker.terminate();
  }

  private ask(action: CacheRequest['action'], values: Partial<CacheRequest> = {}): Promise<unknown> {
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
    });
    this.worker.postMessage({ ...NOTHING, ...values, action }, [port2]);
    return answer;
  }
}

const NOTHING: Omit<CacheRequest, 'action'> = {
  file: { url: '', validator: null, size: 0 },
  start: 0,
  end: 0,
  bytes: new Uint8Array(0),
  freeBytes: 0,
};

/** A source's functions cannot go to a worker. */
function named({ url, validator, size }: RangeSource): CacheRequest['file'] {
  return { url, validator, size };
}
