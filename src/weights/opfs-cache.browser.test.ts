import { afterAll, afterEach, expect, test } from 'vitest';
import type { CacheRequest } from './opfs-cache.test-worker.ts';
import { openOpfsCache } from './opfs-cache.ts';

const worker = new Worker(new URL('./opfs-cache.test-worker.ts', import.meta.url), { type: 'module' });
afterAll(() => worker.terminate());

const BYTES = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
const entry = { url: 'https://models.test/a.gguf', validator: '"1"', start: 4096, bytes: BYTES };

function ask(request: CacheRequest): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  worker.postMessage(request, [port2]);
  return answer;
}

const put = (change: Partial<CacheRequest> = {}) => ask({ ...entry, ...change, action: 'put' });
const get = (change: Partial<CacheRequest> = {}) => ask({ ...entry, ...change, action: 'get' });
const has = (change: Partial<CacheRequest> = {}) => ask({ ...entry, ...change, action: 'has' });

const root = await navigator.storage.getDirectory();
afterEach(() => root.removeEntry('weights', { recursive: true }).catch(() => undefined));

/** The one entry's file, found without knowing how directories are called. */
async function onlyFile(directory = root): Promise<FileSystemFileHandle> {
  for await (const handle of directory.values()) {
    return handle.kind === 'file' ? (handle as FileSystemFileHandle) : onlyFile(handle as FileSystemDirectoryHandle);
  }
  throw new Error('the cache is empty');
}

async function rewrite(change: (content: Uint8Array) => Uint8Array): Promise<void> {
  const handle = await onlyFile();
  const content = new Uint8Array(await (await handle.getFile()).arrayBuffer());
  const writable = await handle.createWritable();
  await writable.write(change(content) as Uint8Array<ArrayBuffer>);
  await writable.close();
}

test('what was put is got, by a cache that was opened later as well', async () => {
  expect(await has()).toBe(false);
  expect(await get()).toBeNull();
  await put();
  expect(await has()).toBe(true);
  expect(await get()).toEqual(BYTES);
});

test('an entry answers only for its own file, version and range', async () => {
  await put();
  expect(await get({ url: 'https://models.test/b.gguf' })).toBeNull();
  expect(await get({ start: 4097 })).toBeNull();
  expect(await get({ bytes: BYTES.subarray(1) })).toBeNull();
  expect(await get({ validator: '"2"' })).toBeNull();
});

test('another version of a file takes the place of the old one', async () => {
  await put();
  await put({ validator: '"2"' });
  expect(await get({ validator: '"2"' })).toEqual(BYTES);
  expect(await get()).toBeNull();
});

test('a file without a validator is not kept', async () => {
  await put({ validator: null });
  expect(await get({ validator: null })).toBeNull();
});

test.each<[string, (content: Uint8Array) => Uint8Array]>([
  ['cut short', (content) => content.subarray(0, 1000)],
  ['one byte longer', (content) => Uint8Array.of(...content, 0)],
  ['changed in one bit', (content) => content.with(77, content[77]! ^ 1)],
  ['emptied', () => new Uint8Array(0)],
])('an entry that was %s is not served, and can be put again', async (_, change) => {
  await put();
  await rewrite(change);
  expect(await get()).toBeNull();
  await put();
  expect(await get()).toEqual(BYTES);
});

test('an entry that another tab is writing is left alone', async () => {
  await put();
  const handle = await onlyFile();
  const writing = await handle.createWritable();
  await put({ bytes: BYTES.map((byte) => byte + 1) });
  await writing.abort();
  expect(await get()).toEqual(BYTES);
});

test('outside of a worker there is no cache', async () => {
  expect(await openOpfsCache()).toBeNull();
});
