import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { expect, type Page } from '@playwright/test';
import { launchBrowser } from './browser.ts';
import { expectedAnswers, questionOf } from './references.ts';
import { test } from './room-test.ts';
import { ask, createRoom, openChat, openDonor, openTab, readView, waitForStages } from './tabs.ts';

const { prompt, ids } = expectedAnswers.find((one) => one.file.includes('q8_0'))!;

function errorOn(page: Page) {
  return page.getByTestId('error').first();
}

test('a room code that does not exist is said to not exist', async ({ lab, server }) => {
  for (const path of ['/chat/ZZZZZ', '/donate/ZZZZZ']) {
    const page = await openTab(lab, `${server.url}${path}`);
    await expect(errorOn(page)).toHaveAttribute('data-code', 'room-not-found');
  }
});

test('what is no room code is refused before anybody is asked', async ({ lab, server }) => {
  const page = await openTab(lab, `${server.url}/donate/not-a-code`);
  await expect(errorOn(page)).toHaveAttribute('data-code', 'room-not-found');
});

/** Of a model whose server knows no ranges; the machine's own buffers take a few megabytes before anybody can say stop. */
const WHOLE_BYTES = 400_000_000;
function* manyBytes() {
  const piece = Buffer.alloc(100_000);
  for (let sent = 0; sent < WHOLE_BYTES; sent += piece.length) yield piece;
}

const models: [string, string, RequestListener][] = [
  ['is not there', 'model-unreachable', (_, res) => void res.writeHead(404).end()],
  ['is no GGUF file', 'not-gguf', ranged(Buffer.alloc(4096, 'not a model'))],
  ['cannot be read by ranges', 'model-ignores-ranges', (_, res) => void Readable.from(manyBytes()).pipe(res)],
  ['ends too early', 'model-truncated', ranged(Buffer.from('GGUF\x03\0\0\0'))],
];
for (const [what, code, listener] of models) {
  test(`a model that ${what} is one clear error, and nothing more of it is downloaded`, async ({ lab, server }) => {
    const { url, sentBytes, close } = await serveModel(listener);
    try {
      const { page } = await createRoom(lab, server.url, { engine: 'cpu' }, { modelUrl: url });
      await expect(errorOn(page)).toHaveAttribute('data-code', code);
      expect((await readView(page)).room!.model).toBeNull();
      expect(await sentBytes()).toBeLessThan(WHOLE_BYTES / 10);
    } finally {
      close();
    }
  });
}

test('a browser without WebGPU donates with its processor and says so', async ({ server }) => {
  const browser = await launchBrowser({ webGpu: false });
  try {
    const chat = await createRoom(browser, server.url, { engine: 'auto' });
    await waitForStages(chat.page, 1);
    await expect(chat.page.getByTestId('engine-note')).toContainText(/CPU.*WebGPU does not work here/);
    const { self, room } = await readView(chat.page);
    expect(self.engine).toBe('cpu');
    // Compiled under the server's content security policy, which allows WebAssembly and no other evaluated code.
    expect(room!.peers[0]!.profile!.adapter).toContain('WebAssembly SIMD');
    expect(self.engineNote!.code).toBe('instead');
    expect((await ask(chat.page, questionOf(prompt))).ids).toEqual(ids);
  } finally {
    await browser.close();
  }
});

test('a model that does not fit the room says how many bytes are missing', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  await openDonor(lab, server.url, chat, { engine: 'cpu', lendBytes: 1_000_000 });
  await expect.poll(async () => (await readView(chat.page)).room!.problem?.code).toBe('does-not-fit');
  await expect(errorOn(chat.page)).toHaveText(/needs .*MB.* lends .*MB.* missing/);
  await expect(ask(chat.page, questionOf(prompt))).rejects.toThrow(/does-not-fit/);
});

test("a guest cannot change the host's settings", async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu' });
  const guest = await openChat(lab, server.url, chat, { engine: 'cpu' });
  await waitForStages(guest, 1);
  await expect(guest.getByTestId('setting-save')).toHaveCount(0);
  const refused = guest.evaluate(() => {
    const { edgeshard } = globalThis as unknown as {
      edgeshard: { view: { room: { settings: object } }; setSettings(s: object): Promise<void> };
    };
    return edgeshard.setSettings({ ...edgeshard.view.room.settings, objective: 'throughput' }).then(String, ({ code }) => code);
  });
  expect(await refused).toBe('not-host');
});

/** A server of another origin, as model hubs are. */
async function serveModel(listener: RequestListener): Promise<{ url: string; sentBytes(): Promise<number>; close(): void }> {
  const sent: number[] = [];
  const server: Server = createServer((req, res) => {
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Access-Control-Allow-Headers', 'Range');
    res.setHeader('Access-Control-Expose-Headers', 'Content-Range, ETag');
    res.once('close', () => sent.push(req.socket.bytesWritten));
    if (req.method === 'OPTIONS') res.writeHead(204).end();
    else listener(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`,
    sentBytes: async () => {
      await expect.poll(() => sent.length).toBeGreaterThan(0);
      return sent.reduce((sum, bytes) => sum + bytes, 0);
    },
    close: () => server.closeAllConnections(),
  };
}

function ranged(file: Buffer): RequestListener {
  return (req, res) => {
    const [start, last] = /bytes=(\d+)-(\d+)/
      .exec(req.headers.range ?? '')!
      .slice(1)
      .map(Number) as [number, number];
    const part = file.subarray(start, last + 1);
    res.setHeader('Content-Range', `bytes ${start}-${start + part.length - 1}/${file.length}`);
    res.writeHead(206, { 'Content-Length': part.length }).end(req.method === 'HEAD' ? undefined : part);
  };
}
