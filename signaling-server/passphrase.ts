import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { AppError } from '../src/shared/errors.ts';

/** A guess costs some 30 ms of one core and 16 MB: so many may be under way at once, and so many wait, as two full rooms that come back. */
const MAX_AT_ONCE = 4;
const MAX_WAITING = 64;
const HASH_BYTES = 32;

let running = 0;
const waiting: (() => void)[] = [];

/** @returns `salt.hash` @throws AppError rate-limited when too many are being computed */
export async function hashPassphrase(passphrase: string): Promise<string> {
  const salt = randomBytes(16);
  return `${salt.toString('base64url')}.${(await derive(passphrase, salt)).toString('base64url')}`;
}

/** @throws AppError rate-limited when too many are being computed */
export async function isPassphrase(passphrase: string, stored: string): Promise<boolean> {
  const [salt = '', hash = ''] = stored.split('.').map((part) => Buffer.from(part, 'base64url'));
  const derived = await derive(passphrase, Buffer.from(salt));
  return derived.length === hash.length && timingSafeEqual(derived, Buffer.from(hash));
}

async function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  if (waiting.length >= MAX_WAITING)
    throw new AppError('rate-limited', 'many passphrases are being checked: try again in a moment');
  if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      scrypt(passphrase.normalize('NFKC'), salt, HASH_BYTES, (error, key) => (error ? reject(error) : resolve(key)));
    });
  } finally {
    // The next one takes this one's turn.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
