import { type EntryHandle, hexDigest, overwrite } from './opfs-entry.ts';
import type { RangeSource } from './range-source.ts';

/** In a model's directory beside its versions: when it was last used. */
const USED_NAME = 'used';

/** The directory of a file's address in the store. */
export function modelName(url: string): Promise<string> {
  return hexDigest(url);
}

/**
 * Opens the directory of this version of a file, and gives the space of all others back.
 */
export async function openVersion(
  model: FileSystemDirectoryHandle,
  { url, validator, size }: RangeSource,
): Promise<FileSystemDirectoryHandle> {
  const version = await hexDigest(JSON.stringify([url, validator, size]));
  for await (const name of model.keys()) {
    if (name !== version && name !== USED_NAME) await model.removeEntry(name, { recursive: true }).catch(() => undefined);
  }
  return model.getDirectoryHandle(version, { create: true });
}

/** @param nowMs since 1970: it must hold over visits */
export async function markUsed(model: FileSystemDirectoryHandle, nowMs: number): Promise<void> {
  try {
    const handle: EntryHandle = await model.getFileHandle(USED_NAME, { create: true });
    await overwrite(handle, [new TextEncoder().encode(`${Math.round(nowMs)}`)]);
  } catch {
    // Another tab says the same at this moment, or there is no space.
  }
}

/** Ms since 1970; 0 when it was never said, or is no time. */
export async function lastUsedMs(model: FileSystemDirectoryHandle): Promise<number> {
  try {
    const text = await (await (await model.getFileHandle(USED_NAME)).getFile()).text();
    return /^\d{1,15}$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}
