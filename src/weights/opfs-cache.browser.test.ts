import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { openOpfsCache } from './opfs-cache.ts';
import { memoryRangeSource, type RangeSource } from './range-source.ts';
import { OpfsTab } from './testing/opfs-tab.ts';
import { describeShardCacheContract } from './testing/shard-cache-contract.ts';

const BYTES = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
const START = 4096;
const MB = 2 ** 20;

const fileAt = (url: string): RangeSource => ({ ...memoryRangeSource(new Uint8Array(0), 1, url), size: 1e9, validator: '"1"' });
const source = fileAt('https://models.test/a.gguf');

const tab = new OpfsTab();
const otherTab = new OpfsTab();
afterAll(() => {
  tab.terminate();
  otherTab.terminate();
});

const root = await navigator.storage.getDirectory();
beforeEach(async () => {
  await tab.open();
  await otherTab.open();
});
afterEach(async () => {
  await tab.close();
  await otherTab.close();
  for await (const name of root.keys()) await root.removeEntry(name, { recursive: true });
});

async function got(cache = tab, from = source): Promise<Uint8Array | null> {
  const into = new Uint8Array(BYTES.length);
  return (await cache.get(from, START, into)) ? into : null;
}

/** Every entry's file, found without knowing how directories are called. */
async function entryFiles(directory = root): Promise<FileSystemFileHandle[]> {
  const found: FileSystemFileHandle[] = [];
  for await (const handle of directory.values()) {
    if (handle.kind === 'directory') found.push(...(await entryFiles(handle as FileSystemDirectoryHandle)));
    else if (/^\d+-\d+$/.test(handle.name)) found.push(handle as FileSystemFileHandle);
  }
  return found;
}

async function rewrite(change: (content: Uint8Array) => Uint8Array): Promise<void> {
  const [handle] = await entryFiles();
  const content = new Uint8Array(await (await handle!.getFile()).arrayBuffer());
  const writable = await handle!.createWritable();
  await writable.write(change(content) as Uint8Array<ArrayBuffer>);
  await writable.close();
}

describeShardCacheContract('private file system', () => tab.open());

test('what was put is got by a later visit and by another tab as well', async () => {
  await tab.put(source, START, BYTES);
  await tab.open();
  expect(await got()).toEqual(BYTES);
  expect(await got(otherTab)).toEqual(BYTES);
});

test.each<[string, (content: Uint8Array) => Uint8Array]>([
  ['cut short', (content) => content.subarray(0, 1000)],
  ['one byte longer', (content) => Uint8Array.of(...content, 0)],
  ['changed in one bit', (content) => content.with(77, content[77]! ^ 1)],
  ['emptied', () => new Uint8Array(0)],
])('an entry that was %s is not served, and can be put again', async (_, change) => {
  await tab.put(source, START, BYTES);
  await rewrite(change);
  expect(await got()).toBeNull();
  await tab.put(source, START, BYTES);
  expect(await got()).toEqual(BYTES);
});

test('an entry that another tab is writing is left alone', async () => {
  await tab.put(source, START, BYTES);
  const [handle] = await entryFiles();
  const writing = await handle!.createWritable();
  await tab.put(
    source,
    START,
    BYTES.map((byte) => byte + 1),
  );
  await writing.abort();
  expect(await got()).toEqual(BYTES);
});

test('what another version of the store has left is dropped, and what is not of the store stays', async () => {
  await tab.put(source, START, BYTES);
  for (const name of ['weights', 'weights-1', 'weights-999', 'conversations'])
    await root.getDirectoryHandle(name, { create: true });
  await tab.open();
  const names: string[] = [];
  for await (const name of root.keys()) names.push(name);
  expect(names).toContain('conversations');
  expect(names.filter((name) => name.startsWith('weights'))).toHaveLength(1);
  expect(await got()).toEqual(BYTES);
});

test('outside of a worker there is no cache', async () => {
  expect(await openOpfsCache(new AbortController().signal)).toBeNull();
});

describe('where room is short', () => {
  const older = fileAt('https://models.test/older.gguf');
  const newer = fileAt('https://models.test/newer.gguf');
  const PIECES = 6;
  const piece = new Uint8Array(4 * MB);

  afterEach(() => setQuota(null));

  /** A visit that stores some pieces of a model and ends. */
  async function visit(from: RangeSource): Promise<void> {
    await otherTab.open();
    for (let i = 0; i < PIECES; i++) expect(await otherTab.put(from, i * piece.length, piece)).toBeNull();
    await otherTab.close();
  }

  /** Which of these pieces are there. */
  async function stored(from: RangeSource): Promise<number[]> {
    await otherTab.open();
    const there: number[] = [];
    for (let i = 0; i < PIECES; i++) {
      if (await otherTab.has(from, i * piece.length, (i + 1) * piece.length)) there.push(i);
    }
    await otherTab.close();
    return there;
  }

  const ALL = Array.from({ length: PIECES }, (_, i) => i);

  test('a write that fails makes the model give way that was used longest ago, from its end, and is tried again', async () => {
    await visit(older);
    await visit(newer);
    await leaveRoomFor(MB);
    expect(await tab.put(source, 0, piece)).toBeNull();
    expect(await tab.has(source, 0, piece.length)).toBe(true);
    expect(await stored(newer)).toEqual(ALL);
    const left = await stored(older);
    expect(left.length).toBeLessThan(PIECES);
    expect(left).toEqual(ALL.slice(0, left.length));
  });

  test('a model that was used again since stays, and the other gives way', async () => {
    await visit(older);
    await visit(newer);
    await visit(older);
    await leaveRoomFor(MB);
    expect(await tab.put(source, 0, piece)).toBeNull();
    expect(await stored(older)).toEqual(ALL);
    expect((await stored(newer)).length).toBeLessThan(PIECES);
  });

  test('what another tab has open is not evicted, and that nothing could be kept is said', async () => {
    await visit(older);
    await otherTab.open();
    await otherTab.has(older, 0, 1);
    await tab.put(source, 100 * MB, BYTES);
    await leaveRoomFor(MB);
    expect(await tab.put(source, 0, piece)).toEqual({ neededBytes: piece.length + 32, freeBytes: expect.any(Number) });
    expect(await tab.has(source, 0, piece.length)).toBe(false);
    // Neither its own nor the other's pieces were given up for it.
    expect(await stored(older)).toEqual(ALL);
    expect(await tab.has(source, 100 * MB, 100 * MB + BYTES.length)).toBe(true);
  });

  test('room is made before the write where the browser says that there is too little', async () => {
    await visit(older);
    await tab.pretendFree(MB);
    await tab.open();
    expect(await tab.put(source, 0, piece)).toBeNull();
    expect((await stored(older)).length).toBeLessThan(PIECES);
  });
});

/** What the browser lets this site store, bytes; null for as much as it likes. */
async function setQuota(quotaBytes: number | null): Promise<void> {
  const quota = quotaBytes === null ? {} : { quotaSize: quotaBytes };
  await (cdp() as unknown as Sender).send('Storage.overrideQuotaForOrigin', { origin: location.origin, ...quota });
}

interface Sender {
  send(method: string, values: object): Promise<unknown>;
}

async function leaveRoomFor(freeBytes: number): Promise<void> {
  const { usage = 0 } = await navigator.storage.estimate();
  await setQuota(usage + freeBytes);
}
