import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** PEM texts. */
export interface Certificate {
  cert: string;
  key: string;
}

/** Browsers refuse certificates that are valid for longer than 398 days even when a person would accept them. */
const VALID_DAYS = 390;
/** A new one is made this long before the old one ends. */
const RENEW_DAYS = 14;
const DAY_MS = 86_400_000;

/** The user's cache folder for this program. */
export function cacheFolder(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'edgeshard');
}

/**
 * The self-made certificate for these addresses: the one kept in the folder while it names them all and is valid, so
 * that a phone has to accept it only once; else a new one, which is then kept.
 */
export async function selfMadeCertificate(folder: string, addresses: readonly string[], now: Date): Promise<Certificate> {
  const kept = await readKept(folder);
  if (kept && isGood(kept, addresses, now)) return kept;
  const made = await make(addresses, now);
  // A read-only home is no reason not to start: the next start makes another one.
  await keep(folder, made).catch(() => {});
  return made;
}

async function readKept(folder: string): Promise<Certificate | null> {
  try {
    const [cert, key] = await Promise.all([
      readFile(join(folder, 'cert.pem'), 'utf8'),
      readFile(join(folder, 'key.pem'), 'utf8'),
    ]);
    return { cert, key };
  } catch {
    return null;
  }
}

function isGood({ cert }: Certificate, addresses: readonly string[], now: Date): boolean {
  try {
    const read = new X509Certificate(cert);
    const endsMs = new Date(read.validTo).getTime();
    return endsMs - now.getTime() > RENEW_DAYS * DAY_MS && addresses.every((address) => read.checkIP(address) !== undefined);
  } catch {
    return false;
  }
}

async function make(addresses: readonly string[], now: Date): Promise<Certificate> {
  const ips = [...new Set(['127.0.0.1', ...addresses])];
  const made = await generate([{ name: 'commonName', value: 'EdgeShard on this network' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // A phone whose clock is a little behind must not find it not yet valid.
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, ...ips.map((ip) => ({ type: 7, ip }) as const)] },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** Written aside and renamed: two servers that start together never read half a file. */
async function keep(folder: string, { cert, key }: Certificate): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const write = async (name: string, text: string) => {
    const aside = join(folder, `${name}.${process.pid}`);
    await writeFile(aside, text, { mode: 0o600 });
    await rename(aside, join(folder, name));
  };
  await write('key.pem', key);
  await write('cert.pem', cert);
}
