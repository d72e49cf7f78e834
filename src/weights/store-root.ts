/** Of how models, versions and entries lie in the store. Whoever changes that counts this up. */
const STORE_VERSION = 2;
/** The first version had no number. */
const ANY_VERSION = /^weights(-\d+)?$/;

/** The store's directory. What another version of this project has stored is dropped, never misread. */
export async function openStoreRoot(storage: FileSystemDirectoryHandle): Promise<FileSystemDirectoryHandle> {
  const name = `weights-${STORE_VERSION}`;
  for await (const other of storage.keys()) {
    if (other !== name && ANY_VERSION.test(other)) await storage.removeEntry(other, { recursive: true }).catch(() => undefined);
  }
  return storage.getDirectoryHandle(name, { create: true });
}
