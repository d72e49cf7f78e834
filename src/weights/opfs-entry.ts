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

export type EntryHandle = FileSystemFileHandle & WorkerFileHandle;

export function hasSyncAccess(): boolean {
  return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

/** What an entry of so many bytes takes. */
export function entryBytes(bytes: number): number {
  return bytes + DIGEST_BYTES;
}

/** Straight into the caller's memory. @returns whether these are the very bytes that were written */
export async function readEntry(handle: EntryHandle, into: Uint8Array): Promise<boolean> {
  const file = await handle.createSyncAccessHandle?.({ mode: 'read-only' });
  if (!file) return false;
  const sum = new Uint8Array(DIGEST_BYTES);
  try {
    const count = file.read(into, { at: 0 }) + file.read(sum, { at: into.length });
    if (count !== entryBytes(into.length)) return false;
  } finally {
    file.close();
  }
  return isSame(await digest(into), sum);
}

/** @throws QuotaExceededError, or what the browser throws when another tab has the entry open */
export async function writeEntry(handle: EntryHandle, bytes: Uint8Array): Promise<void> {
  await overwrite(handle, [bytes, await digest(bytes)]);
}

/** Puts these parts in the place of all that the file had. @throws as `writeEntry` does */
export async function overwrite(handle: EntryHandle, parts: readonly Uint8Array[]): Promise<void> {
  const file = await handle.createSyncAccessHandle?.();
  if (!file) return;
  try {
    file.truncate(0);
    let at = 0;
    for (const part of parts) {
      // For want of space some browsers throw; Chromium writes what fits and returns an error's number as if unsigned.
      if (file.write(part, { at }) !== part.length) throw new DOMException('written in part', 'QuotaExceededError');
      at += part.length;
    }
    file.flush();
  } finally {
    file.close();
  }
}

export async function hexDigest(text: string): Promise<string> {
  const bytes = await digest(new TextEncoder().encode(text));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
