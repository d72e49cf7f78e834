import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type HttpRangeOptions, openHttpRange } from './http-range.ts';
import { describeRangeSourceContract } from './testing/range-source-contract.ts';

const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 + (i >> 8));
const opened: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A real server on the loopback; the handler also gets the number of the request, from 0. */
async function serve(handler: Handler): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.headers.range ?? '-'}`);
    handler(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`, requests };
}

interface Answer {
  etag?: string;
  file?: Uint8Array;
  /** How many bytes of the range are really sent before the connection is cut, or the body ends. */
  cutAfter?: number;
  endAfter?: number;
  contentRange?: string;
}

function answerRange(request: IncomingMessage, response: ServerResponse, answer: Answer = {}): void {
  const file = answer.file ?? FILE;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const range = file.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, {
    'content-range': answer.contentRange ?? `bytes ${first}-${last}/${file.length}`,
    ...(answer.etag ? { etag: answer.etag } : {}),
    // Without a length the body is chunked, and a short one looks complete.
    ...(answer.endAfter === undefined ? { 'content-length': range.length } : {}),
  });
  if (answer.cutAfter !== undefined) response.write(range.subarray(0, answer.cutAfter), () => response.destroy());
  else response.end(range.subarray(0, answer.endAfter));
}

/** `toEqual` takes a second for a large array. */
function expectBytes(got: Uint8Array, wanted: Uint8Array): void {
  expect(got.length).toBe(wanted.length);
  expect(Buffer.compare(got, wanted)).toBe(0);
}

const quick: HttpRangeOptions = { retryDelayMs: 1 };

describeRangeSourceContract('a file on a server', {
  open: async (file) =>
    openHttpRange((await serve((request, response) => answerRange(request, response, { file, etag: '"a"' }))).url),
  openHanging: async (file) => {
    let downloads = 0;
    const { url } = await serve((request, response, count) => {
      if (count === 0) return answerRange(request, response, { file });
      downloads++;
      response.on('close', () => downloads--);
      response.writeHead(206, { 'content-range': `bytes 0-${file.length - 1}/${file.length}`, 'content-length': file.length });
      response.write(file.subarray(0, 1000));
    });
    return { source: await openHttpRange(url, quick), downloads: () => downloads };
  },
  openReplaced: async (file) => {
    const { url } = await serve((request, response, count) =>
      answerRange(request, response, { file, etag: count === 0 ? '"a"' : '"b"' }),
    );
    return openHttpRange(url, quick);
  },
});

test('a range comes piece by piece with one request', async () => {
  const { url, requests } = await serve((request, response) => answerRange(request, response));
  const source = await openHttpRange(url);
  const pieces: Uint8Array[] = [];
  for await (const piece of source.stream(100, 250_000)) pieces.push(piece.slice());
  expect(pieces.length).toBeGreaterThan(1);
  expectBytes(Buffer.concat(pieces), FILE.subarray(100, 250_000));
  expect(requests).toEqual(['GET bytes=0-0', 'GET bytes=100-249999']);
});

test('a long range comes in one request after another, so that nobody has to keep what is read ahead', async () => {
  const { url, requests } = await serve((request, response) => answerRange(request, response));
  const source = await openHttpRange(url, { requestBytes: 100_000 });
  expectBytes(await source.read(100, 250_000), FILE.subarray(100, 250_000));
  expect(requests.slice(1)).toEqual(['GET bytes=100-100099', 'GET bytes=100100-200099', 'GET bytes=200100-249999']);
});

test('headers go with every request', async () => {
  const seen: unknown[] = [];
  const { url } = await serve((request, response) => {
    seen.push(request.headers['x-tab']);
    answerRange(request, response);
  });
  await (await openHttpRange(url, { headers: { 'x-tab': 'donor 2' } })).read(3, 9);
  expect(seen).toEqual(['donor 2', 'donor 2']);
});

test('a server that sends the whole file is left after its first bytes', async () => {
  let sentBytes = 0;
  let sawLeave = () => {};
  const left = new Promise<void>((resolve) => {
    sawLeave = resolve;
  });
  const { url, requests } = await serve((_request, response) => {
    response.writeHead(200);
    response.on('close', sawLeave);
    const send = () => {
      while (!response.destroyed && response.write(FILE)) sentBytes += FILE.length;
    };
    response.on('drain', send);
    send();
  });
  await expect(openHttpRange(url, quick)).rejects.toMatchObject({ code: 'model-ignores-ranges' });
  await left;
  expect(requests).toHaveLength(1);
  // An endless file: only what the buffers between the two ends hold can have been sent.
  expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
});

test.each([
  [404, 'model-unreachable', 1],
  [403, 'model-unreachable', 1],
  [416, 'model-truncated', 1],
  [503, 'model-unreachable', 4],
])('status %i is %s after %i requests', async (status, code, count) => {
  const { url, requests } = await serve((_request, response) => response.writeHead(status).end());
  await expect(openHttpRange(url, quick)).rejects.toMatchObject({ code });
  expect(requests).toHaveLength(count);
});

test.each(['not a url', 'ftp://localhost/model.gguf', 'http://127.0.0.1:1/model.gguf'])('%s is unreachable', async (url) => {
  await expect(openHttpRange(url, quick)).rejects.toMatchObject({ code: 'model-unreachable' });
});

test.each(['bytes 1-1/300000', 'bytes 0-5/300000', 'pages 0-0/4', 'bytes 0-0/99999999999999999999'])(
  'the answer "%s" to a request for the first byte is refused',
  async (contentRange) => {
    const { url } = await serve((request, response) => answerRange(request, response, { contentRange }));
    await expect(openHttpRange(url, quick)).rejects.toMatchObject({ code: 'model-ignores-ranges' });
  },
);

test('a body that ends early is a truncated model', async () => {
  const { url } = await serve((request, response, count) => answerRange(request, response, count > 0 ? { endAfter: 1000 } : {}));
  const source = await openHttpRange(url, quick);
  await expect(source.read(0, 5000)).rejects.toMatchObject({ code: 'model-truncated' });
});

test('a connection that breaks is resumed where it broke', async () => {
  const { url, requests } = await serve((request, response, count) =>
    answerRange(request, response, count === 1 || count === 2 ? { cutAfter: 50_000 } : {}),
  );
  const source = await openHttpRange(url, quick);
  expectBytes(await source.read(0, FILE.length), FILE);
  const starts = requests.slice(1).map((line) => Number(/bytes=(\d+)-/.exec(line)![1]));
  expect(starts).toHaveLength(3);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
});

test('a connection that never brings anything is given up', async () => {
  const { url } = await serve(() => undefined);
  const firstByte = new Response(FILE.slice(0, 1), { status: 206, headers: { 'content-range': `bytes 0-0/${FILE.length}` } });
  let sent = 0;
  // Opened from memory: a busy machine takes longer than this limit for answers that do come.
  const fetchSilence: typeof fetch = async (...request) => (sent++ === 0 ? firstByte : fetch(...request));
  const source = await openHttpRange(url, { ...quick, stallTimeoutMs: 20, fetch: fetchSilence });
  await expect(source.read(0, 10)).rejects.toMatchObject({
    code: 'model-unreachable',
    message: expect.stringContaining('nothing arrived for 20 ms, 4 times in a row'),
  });
  expect(sent).toBe(1 + 4);
});

test('another size means that the model was replaced, whether its server tells versions or not', async () => {
  const { url } = await serve((request, response, count) =>
    answerRange(request, response, count === 0 ? {} : { file: FILE.subarray(0, 200_000) }),
  );
  const source = await openHttpRange(url, quick);
  expect(source.validator).toBeNull();
  await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'model-changed' });
});

describe('a server on another origin that hides Content-Range', () => {
  function hiddenRange(headSizeBytes: number | null): typeof fetch {
    return async (_url, init) => {
      const range = new Headers(init?.headers).get('range');
      const [, first, last] = /bytes=(\d+)-(\d+)/.exec(range ?? '') ?? [];
      const headers = headSizeBytes === null ? {} : { 'content-length': String(headSizeBytes) };
      const response = range
        ? new Response(FILE.slice(Number(first), Number(last) + 1), { status: 206 })
        : new Response(null, { headers });
      return Object.defineProperty(response, 'type', { value: 'cors' });
    };
  }

  test('is asked for the size of the whole file instead', async () => {
    const source = await openHttpRange('http://elsewhere.test/model.gguf', { ...quick, fetch: hiddenRange(FILE.length) });
    expect(source.size).toBe(FILE.length);
    expect(await source.read(20, 40)).toEqual(FILE.subarray(20, 40));
  });

  test('is refused when it hides that as well', async () => {
    const opening = openHttpRange('http://elsewhere.test/model.gguf', { ...quick, fetch: hiddenRange(null) });
    await expect(opening).rejects.toMatchObject({ code: 'model-ignores-ranges' });
  });
});
