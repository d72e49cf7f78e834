import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * What this user's servers seal rooms with, kept in the folder: a server that was started anew, or another one of the same folder,
 * makes rooms anew from what it finds sealed. Without a folder that can be written to it is another one with every start, and rooms end
 * with the process.
 */
export async function roomSecret(folder: string): Promise<Buffer> {
  const file = join(folder, 'room-secret');
  const made = randomBytes(SECRET_BYTES);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, made, { mode: 0o600, flag: 'wx' });
    return made;
  } catch {
    const kept = await readFile(file).catch(() => null);
    return kept?.length === SECRET_BYTES ? kept : made;
  }
}
