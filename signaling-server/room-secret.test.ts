import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { roomSecret } from './room-secret.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a server that is started anew seals with the same secret, which nobody else may read', async () => {
  const inside = join(folder, 'cache');
  const first = await roomSecret(inside);
  expect(first).toHaveLength(32);
  expect(await roomSecret(inside)).toEqual(first);
  expect((await stat(join(inside, 'room-secret'))).mode & 0o077).toBe(0);
});

test('two that start together end up with one', async () => {
  const secrets = await Promise.all(Array.from({ length: 8 }, () => roomSecret(folder)));
  expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(1);
});

test('a folder that cannot be written to, or a broken file, is no reason not to start', async () => {
  await writeFile(join(folder, 'file'), '');
  expect(await roomSecret(join(folder, 'file', 'cache'))).toHaveLength(32);
  await writeFile(join(folder, 'room-secret'), 'short');
  await chmod(join(folder, 'room-secret'), 0o600);
  expect(await roomSecret(folder)).toHaveLength(32);
  expect(await readFile(join(folder, 'room-secret'), 'utf8')).toBe('short');
});
