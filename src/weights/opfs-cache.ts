import { type EntryHandle, entryBytes, hasSyncAccess, readEntry, writeEntry } from './opfs-entry.ts';
import type { RangeSource } from './range-source.ts';
import type { ShardCache, Shortage } from './shard-cache.ts';
import { holdModel } from './store-lock.ts';
import { openStoreRoot } from './store-root.ts';
import { StoreSpace } from './store-space.ts';
import { markUsed, modelName, openVersion } from './stored-model.ts';

/** How often a model that is being loaded says that it is in use, ms. */
const MARK_INTERVAL_MS = 10 * 60_000;
/** A store without space for one piece has none for the next, and looking for some costs time, ms. */
const FULL_MS = 60_000;

/**
 * A cache in the origin private file system (WHATWG File System standard), or null where there is none: outside of a worker, in some private
 * modes, without a secure context, in Node. Entries of a file whose validator has changed are deleted. Where space is short, models that
 * no tab has open give way.
 *
 * @param signal ends the use of what is opened through this cache
 */
export async function openOpfsCache(signal: AbortSignal): Promise<ShardCache | null> {
  try {
    if (typeof crypto === 'undefined' || !crypto.subtle || !hasSyncAccess()) return null;
    return new OpfsCache(await openStoreRoot(await navigator.storage.getDirectory()), signal);
  } catch {
    // Why there is none makes no difference: everything is downloaded then.
    return null;
  }
}

/** A version of a file that is open here. */
interface OpenVersion {
  model: FileSystemDirectoryHandle;
  directory: FileSystemDirectoryHandle;
  markedMs: number;
}

class OpfsCache implements ShardCache {
  private readonly root: FileSystemDirectoryHandle;
  private readonly signal: AbortSignal;
  private readonly space: StoreSpace;
  private readonly versions = new Map<string, Promise<OpenVersion>>();
  private readonly ownModels = new Set<string>();
  private fullUntilMs = 0;
  private freeBytes = 0;

  constructor(root: FileSystemDirectoryHandle, signal: AbortSignal) {
    this.root = root;
    this.signal = signal;
    this.space = new StoreSpace(root, (model) => this.ownModels.has(model));
  }

  async has(source: RangeSource, start: number, end: number): Promise<boolean> {
    return (await this.entry(source, start, end)) !== null;
  }

  async get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean> {
    try {
      const handle = await this.entry(source, start, start + into.length);
      return handle !== null && (await readEntry(handle, into));
    } catch {
      return false;
    }
  }

  async put(source: RangeSource, start: number, bytes: Uint8Array): Promise<Shortage | null> {
    const neededBytes = entryBytes(bytes.length);
    try {
      const version = await this.version(source);
      if (!version) return null;
      if (performance.now() < this.fullUntilMs) return { neededBytes, freeBytes: this.freeBytes };
      await this.markOften(version);
      await this.space.expect(neededBytes);
      if (await this.write(version.directory, entryName(start, start + bytes.length), bytes)) return null;
      this.fullUntilMs = performance.now() + FULL_MS;
      this.freeBytes = await this.space.measure();
      return { neededBytes, freeBytes: this.freeBytes };
    } catch {
      // Another tab is writing the same entry, or has dropped this version: what is incomplete is never read.
      return null;
    }
  }

  /** @returns false when there is no space, and no other model to make some. @throws what the browser throws otherwise */
  private async write(directory: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<boolean> {
    if (await fits(directory, name, bytes)) return true;
    return (await this.space.make(entryBytes(bytes.length))) > 0 && fits(directory, name, bytes);
  }

  /** The entry's file if it is there in full length. */
  private async entry(source: RangeSource, start: number, end: number): Promise<EntryHandle | null> {
    try {
      const version = await this.version(source);
      const handle = await version?.directory.getFileHandle(entryName(start, end));
      const file = await handle?.getFile();
      return handle && file?.size === entryBytes(end - start) ? handle : null;
    } catch {
      return null;
    }
  }

  /** Without a validator nobody could tell whether the file on the server is still the same. */
  private version(source: RangeSource): Promise<OpenVersion> | null {
    if (source.validator === null) return null;
    const key = JSON.stringify([source.url, source.validator, source.size]);
    let version = this.versions.get(key);
    if (!version) {
      version = this.open(source);
      this.versions.set(key, version);
    }
    return version;
  }

  private async open(source: RangeSource): Promise<OpenVersion> {
    const name = await modelName(source.url);
    this.ownModels.add(name);
    await holdModel(name, this.signal);
    const model = await this.root.getDirectoryHandle(name, { create: true });
    const version = { model, directory: await openVersion(model, source), markedMs: 0 };
    await this.markOften(version);
    return version;
  }

  private async markOften(version: OpenVersion): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - version.markedMs < MARK_INTERVAL_MS) return;
    version.markedMs = nowMs;
    await markUsed(version.model, nowMs);
  }
}

function entryName(start: number, end: number): string {
  return `${start}-${end}`;
}

/** Writes an entry. @returns false, and leaves none, when there is no space for it */
async function fits(directory: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await writeEntry(await directory.getFileHandle(name, { create: true }), bytes);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== 'QuotaExceededError') throw thrown;
    await directory.removeEntry(name).catch(() => undefined);
    return false;
  }
}
