import { entriesToEvict, leastRecentFirst, type StoredEntry, type StoredModel } from './evictions.ts';
import { withUnused } from './store-lock.ts';
import { lastUsedMs } from './stored-model.ts';

/** What is evicted beyond what is needed now, bytes: the next pieces follow at once. */
const AHEAD_BYTES = 16 * 2 ** 20;
/** After so many bytes the browser is asked again: others use its storage as well. */
const MEASURE_EVERY_BYTES = 64 * 2 ** 20;

/** The space in a store, and how more is made. */
export class StoreSpace {
  private readonly root: FileSystemDirectoryHandle;
  private readonly isOwn: (model: string) => boolean;
  /** Bytes, as far as the browser says; it may say more than there is. */
  private freeBytes = 0;
  private unmeasuredBytes = Number.POSITIVE_INFINITY;

  /** @param isOwn the models that are open here are never evicted */
  constructor(root: FileSystemDirectoryHandle, isOwn: (model: string) => boolean) {
    this.root = root;
    this.isOwn = isOwn;
  }

  /** Called before bytes are written: makes space where the browser says that it is short. */
  async expect(bytes: number): Promise<void> {
    if (this.unmeasuredBytes >= MEASURE_EVERY_BYTES || this.freeBytes < bytes) await this.measure();
    if (this.freeBytes < bytes) await this.make(bytes - this.freeBytes);
    this.freeBytes -= bytes;
    this.unmeasuredBytes += bytes;
  }

  /** Evicts what other models have stored, the one that was used longest ago first. @returns the bytes that this freed */
  async make(neededBytes: number): Promise<number> {
    const wantedBytes = neededBytes + AHEAD_BYTES;
    let freedBytes = 0;
    for (const { name } of leastRecentFirst(await this.others())) {
      freedBytes += (await withUnused(name, () => this.evict(name, wantedBytes - freedBytes)).catch(() => null)) ?? 0;
      if (freedBytes >= wantedBytes) break;
    }
    this.freeBytes += freedBytes;
    return freedBytes;
  }

  /** @returns what the browser has left for this site, bytes; infinite when it does not say */
  async measure(): Promise<number> {
    const { quota, usage } = await navigator.storage.estimate().catch(() => ({ quota: undefined, usage: undefined }));
    this.freeBytes = quota === undefined || usage === undefined ? Number.POSITIVE_INFINITY : Math.max(0, quota - usage);
    this.unmeasuredBytes = 0;
    return this.freeBytes;
  }

  private async others(): Promise<StoredModel[]> {
    const models: StoredModel[] = [];
    for await (const handle of this.root.values()) {
      if (this.isOwn(handle.name)) continue;
      models.push({ name: handle.name, usedMs: await lastUsedMs(handle as FileSystemDirectoryHandle) });
    }
    return models;
  }

  private async evict(name: string, neededBytes: number): Promise<number> {
    const model = await this.root.getDirectoryHandle(name);
    const entries = await entriesOf(model);
    const evicted = entriesToEvict(entries, neededBytes);
    if (evicted.length === entries.length) await this.root.removeEntry(name, { recursive: true });
    else for (const entry of evicted) await entry.version.removeEntry(entry.name);
    return evicted.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

type FoundEntry = StoredEntry & { version: FileSystemDirectoryHandle };

async function entriesOf(model: FileSystemDirectoryHandle): Promise<FoundEntry[]> {
  const entries: FoundEntry[] = [];
  for await (const handle of model.values()) {
    if (handle.kind !== 'directory') continue;
    const version = handle as FileSystemDirectoryHandle;
    for await (const entry of version.values()) {
      if (entry.kind !== 'file') continue;
      const { size } = await (entry as FileSystemFileHandle).getFile();
      entries.push({ name: entry.name, start: Number.parseInt(entry.name, 10), bytes: size, version });
    }
  }
  return entries;
}
