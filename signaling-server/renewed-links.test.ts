import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RenewedLinks } from './renewed-links.ts';
import { SEAL_LIFETIME_MS } from './room-seal.ts';
import { TEST_SEED } from './testing/room.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'links-'));
});
afterEach(() => rm(folder, { recursive: true }));

const OLD_LINK = 'o'.repeat(16);
const NEW_LINK = 'n'.repeat(16);
const NOW_MS = Date.UTC(2026, 5, 1);
const seedWith = (joinKey: string, dateMs: number) => ({ ...TEST_SEED, joinKey, seal: { ...TEST_SEED.seal, dateMs } });

test('a seed from before the room got another link is outdated, one from after it or with that link is not', async () => {
  const links = new RenewedLinks(null);
  links.note('AAAAA', NEW_LINK, NOW_MS);
  expect(await links.isOutdated('AAAAA', seedWith(OLD_LINK, NOW_MS - 1))).toBe(true);
  expect(await links.isOutdated('AAAAA', seedWith(NEW_LINK, NOW_MS - 1))).toBe(false);
  // Another server has made the room anew, and its link too.
  expect(await links.isOutdated('AAAAA', seedWith(OLD_LINK, NOW_MS))).toBe(false);
  expect(await links.isOutdated('BBBBB', seedWith(OLD_LINK, NOW_MS - 1))).toBe(false);
});

test('servers of one folder know it of each other, one that was started later and one that was there already', async () => {
  const [first, beside] = [new RenewedLinks(folder), new RenewedLinks(folder)];
  beside.note('AAAAA', OLD_LINK, NOW_MS - 1000);
  await beside.saved();
  first.note('AAAAA', NEW_LINK, NOW_MS);
  await first.saved();
  for (const links of [first, beside, new RenewedLinks(folder)]) {
    expect(await links.isOutdated('AAAAA', seedWith(OLD_LINK, NOW_MS - 1))).toBe(true);
  }
});

test('a folder that cannot be written to is no reason to fail: it is known for as long as the process lives', async () => {
  await writeFile(join(folder, 'file'), '');
  const links = new RenewedLinks(join(folder, 'file', 'links'));
  links.note('AAAAA', NEW_LINK, NOW_MS);
  await links.saved();
  expect(await links.isOutdated('AAAAA', seedWith(OLD_LINK, NOW_MS - 1))).toBe(true);
});

test('what no good seal is older than is forgotten', async () => {
  const links = new RenewedLinks(folder);
  await writeFile(join(folder, 'OLDER'), '1 x');
  const longAgo = new Date(NOW_MS - SEAL_LIFETIME_MS - 1000);
  await utimes(join(folder, 'OLDER'), longAgo, longAgo);
  links.note('AAAAA', NEW_LINK, NOW_MS);
  await links.saved();
  expect(await readdir(folder)).toEqual(['AAAAA']);
});
