import type { RangeSource } from './range-source.ts';
import type { ShardCache } from './shard-cache.ts';

const ROOT_NAME = 'weights';
/** An entry is the range's bytes and then their SHA-256; one that was cut short or changed fits neither length nor digest. */
const DIGEST_BYTES = 32;

/** Only a worker can write this way, which is the one that every browser with an origin private file system has. */
interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options?: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
interface WorkerFileHandle {
  /** Older browsers know no mode: there, one tab reads an entry at a time. */
  createSyncAccessHandle?: (options?: { mode: 'read-only' }) => Promise<SyncAccessHandle>;
}

type EntryHandle = FileSystemFileHandle & WorkerFileHandle;

/**
 * A cache in the origin private file system (WHATWG File System standard), or null where there is none: outside of a worker, in some private
 * modes, without a secure context, in Node. Entries of a file whose validator has changed are deleted.
 */
export async function openOpfsCache(): Promise<ShardCache | null> {
  try {
    if (typeof crypto === 'undefined' || !crypto.subtle || !hasSyncAccess()) return null;
    const storage = await navigator.storage.getDirectory();
    return new OpfsCache(await storage.getDirectoryHandle(ROOT_NAME, { create: true }));
  } catch {
    // Why there is none makes no difference: everything is downloaded then.
    return null;
  }
}

function hasSyncAccess(): boolean {
  return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

class OpfsCache implements ShardCache {
  private readonly root: FileSystemDirectoryHandle;
  private readonly directories = new Map<string, Promise<FileSystemDirectoryHandle>>();

  constructor(root: FileSystemDirectoryHandle) {
    this.root = root;
  }

  async has(source: RangeSource, start: number, end: number): Promise<boolean> {
    return (await this.entry(source, start, end)) !== null;
  }

  async get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean> {
    try {
      const handle = await this.entry(source, start, start + into.length);
      const sum = handle && (await readEntry(handle, into));
      return sum ? isSame(await digest(into), sum) : false;
    } catch {
      return false;
    }
  }

  async put(source: RangeSource, start: number, bytes: Uint8Array): Promise<void> {
    const name = entryName(start, start + bytes.length);
    try {
      const directory = await this.directory(source);
      if (directory) await writeEntry(await directory.getFileHandle(name, { create: true }), bytes);
    } catch {
      // No room, or another tab is writing the same entry: what is incomplete is never read.
    }
  }

  /** The entry's file if it is there in full length. */
  private async entry(source: RangeSource, start: number, end: number): Promise<EntryHandle | null> {
    try {
      const directory = await this.directory(source);
      const handle = await directory?.getFileHandle(entryName(start, end));
      const file = await handle?.getFile();
      return handle && file?.size === end - start + DIGEST_BYTES ? handle : null;
    } catch {
      return null;
    }
  }

  /** Without a validator nobody could tell whether the file on the server is still the same. */
  private directory(source: RangeSource): Promise<FileSystemDirectoryHandle> | null {
    if (source.validator === null) return null;
    const key = JSON.stringify([source.url, source.validator, source.size]);
    let directory = this.directories.get(key);
    if (!directory) {
      directory = this.openDirectory(source.url, key);
      this.directories.set(key, directory);
    }
    return directory;
  }

  /** One directory per address, and in it one per version of the file; the others' space is given back. */
  private async openDirectory(url: string, versionKey: string): Promise<FileSystemDirectoryHandle> {
    const ofUrl = await this.root.getDirectoryHandle(await hexDigest(url), { create: true });
    const version = await hexDigest(versionKey);
    for await (const name of ofUrl.keys()) {
      if (name !== version) await ofUrl.removeEntry(name, { recursive: true }).catch(() => undefined);
    }
    return ofUrl.getDirectoryHandle(version, { create: true });
  }
}

function entryName(start: number, end: number): string {
  return `${start}-${end}`;
}

/** Straight into the caller's memory. @returns the digest behind the bytes, null when the entry is too short by now */
async function readEntry(handle: EntryHandle, into: Uint8Array): Promise<Uint8Array | null> {
  const file = await handle.createSyncAccessHandle?.({ mode: 'read-only' });
  if (!file) return null;
  try {
    const sum = new Uint8Array(DIGEST_BYTES);
    const count = file.read(into, { at: 0 }) + file.read(sum, { at: into.length });
    return count === into.length + sum.length ? sum : null;
  } finally {
    file.close();
  }
}

async function writeEntry(handle: EntryHandle, bytes: Uint8Array): Promise<void> {
  const sum = await digest(bytes);
  const file = await handle.createSyncAccessHandle?.();
  if (!file) return;
  try {
    file.truncate(0);
    const written = file.write(bytes, { at: 0 }) + file.write(sum, { at: bytes.length });
    if (written < bytes.length + sum.length) file.truncate(0);
    file.flush();
  } finally {
    file.close();
  }
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

async function hexDigest(text: string): Promise<string> {
  const bytes = await digest(new TextEncoder().encode(text));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
