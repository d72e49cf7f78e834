import { request } from 'node:http';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shortText } from './access-log.ts';
import { parseRange } from './model-files.ts';
import { BIG_MODEL_BYTES, MODEL_BYTES, startTestApp, type TestApp } from './testing/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const model = '/models/tiny.gguf';
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(app.url + path, { headers, method });

describe('pages', () => {
  test.each([
    ['/', 'home'],
    ['/?x=1', 'home'],
    ['/chat', 'chat'],
    ['/chat/ABCDE', 'chat'],
    ['/donate', 'donate'],
    ['/donate/ABCDE', 'donate'],
  ])('%s is the %s page', async (path, page) => {
    const response = await get(path);
    expect([response.status, await response.text()]).toEqual([200, `<p>${page}</p>`]);
    expect(response.headers.get('cache-control')).toBe('no-cache');
  });

  test('carry headers that keep strangers’ code out', async () => {
    const { headers } = await get('/');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'self'.*object-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe-inline|unsafe-eval'? *;.*script/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  test('have assets that are kept for ever', async () => {
    expect((await get('/assets/page-abc.js')).headers.get('cache-control')).toMatch(/immutable/);
  });

  test.each([
    '/nothing',
    '/chat/ABCDE/more',
    '/models/',
    '/models/none.gguf',
    '/models/..%2Fhome%2Findex.html',
    '/models/.hidden.gguf',
  ])('%s is not found', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('a path that climbs out of the folder is not found', async () => {
    const status = await new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: app.httpPort, path: '/../../../../etc/passwd' };
      request(options, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });

  test('are not written to', async () => {
    expect((await get('/', {}, 'POST')).status).toBe(405);
  });
});

describe('a model file', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=99990-', 99_990, 100_000],
    ['bytes=99990-200000', 99_990, 100_000],
    ['bytes=-5', 99_995, 100_000],
  ])('answers %s with those bytes and nothing else', async (range, start, end) => {
    const response = await get(model, { Range: range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/100000`);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(MODEL_BYTES.subarray(start, end));
  });

  test('refuses a range outside of it', async () => {
    const response = await get(model, { Range: 'bytes=100000-' });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */100000']);
  });

  test('comes whole when no range is asked, and not at all for HEAD', async () => {
    expect((await (await get(model)).arrayBuffer()).byteLength).toBe(100_000);
    const head = await get(model, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), (await head.arrayBuffer()).byteLength]).toEqual([200, '100000', 0]);
  });

  test('has a tag: the same one is not sent again, and a range of another one is the whole file', async () => {
    const etag = (await get(model, {}, 'HEAD')).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect((await get(model, { 'If-None-Match': etag })).status).toBe(304);
    expect((await get(model, { Range: 'bytes=0-9', 'If-Range': etag })).status).toBe(206);
    expect((await get(model, { Range: 'bytes=0-9', 'If-Range': '"old"' })).status).toBe(200);
  });

  test('leaves one line in the log: which device, which bytes', async () => {
    await get(model, { Range: 'bytes=100-299', 'x-edgeshard-device': 'Phone <b>of</b> "Ann"' });
    const phone = { model: 'tiny.gguf', range: 'bytes=100-299', status: 206, bytes: 200, device: 'Phone bof/b Ann' };
    await expect.poll(() => app.log.at(-1)).toMatchObject(phone);
    await get('/models/none.gguf');
    await expect.poll(() => app.log.at(-1)).toMatchObject({ model: 'none.gguf', status: 404, bytes: 0, device: null });
  });

  test('counts no more than was sent when a device goes away in mid-download', async () => {
    const path = '/models/big.gguf';
    await new Promise<void>((resolve, reject) => {
      request({ host: '127.0.0.1', port: app.httpPort, path }, (response) => {
        response.destroy();
        resolve();
      })
        .on('error', reject)
        .end();
    });
    await expect.poll(() => app.log.at(-1)).toMatchObject({ model: 'big.gguf', status: 200 });
    expect(Number(app.log.at(-1)?.bytes)).toBeLessThan(BIG_MODEL_BYTES);
  });
});

test('whatever the Range header says, the answer lies inside the file', () => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(2000), fc.nat(2000)).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat(2000).map((n) => `bytes=-${n}`),
  );
  fc.assert(
    fc.property(text, fc.nat(1000), (header, sizeBytes) => {
      const range = parseRange(header, sizeBytes);
      if (range === null || range === 'unsatisfiable') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(sizeBytes);
    }),
  );
});

test('a log line holds no more of a stranger’s header than it should', () => {
  expect(shortText('a\nb\u0007"{}'.repeat(50), 40)).toMatch(/^[ab]{40}$/);
  expect(shortText(undefined, 40)).toBeNull();
});
