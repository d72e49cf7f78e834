import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { FromLinks, FromWorker, ToLinks } from './messages.ts';
import { ModelWork } from './model-work.ts';
import { WorkerTransport } from './worker-transport.ts';

const FILE = readFileSync(new URL('../../public/models/storyteller-1.7m-q8_0.gguf', import.meta.url));
const SELF = 2;
const OTHER = 3;

let modelUrl = '';
let isServed = true;
const opened: (() => void)[] = [];

/** A server with the built-in model, until a test takes it away. */
beforeEach(async () => {
  isServed = true;
  const server = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (!isServed || !first) return void response.writeHead(404).end();
    const range = FILE.subarray(Number(first), Number(last) + 1);
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${FILE.length}`, 'content-length': range.length });
    response.end(range);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal('location', { origin });
  modelUrl = `${origin}/model.gguf`;
  opened.push(() => server.close());
});

afterEach(() => {
  for (const close of opened.splice(0)) close();
  vi.unstubAllGlobals();
});

/** One tab's work with the built-in model, and what it told. */
function startWork({ lendBytes = 1e8, chats = false } = {}) {
  const posted: FromWorker[] = [];
  const post = (message: FromWorker) => posted.push(message);
  const { port1, port2 } = new MessageChannel();
  opened.push(() => port1.close());
  const sent: ToLinks[] = [];
  port1.onmessage = ({ data }: MessageEvent<ToLinks>) => sent.push(data);
  const ignore = () => {};
  const transport = new WorkerTransport(SELF, port2, {
    receiveFrame: ignore,
    receiveMessage: ignore,
    receiveBadFrame: ignore,
    peerLost: ignore,
    linkOpened: ignore,
  });
  const setup = {
    label: 'ABCDE-2',
    selfId: SELF,
    chats,
    donates: true,
    engine: 'cpu',
    lendBytes,
    hints: { userAgent: '' },
  } as const;
  const settings = { modelUrl, contextLength: 64, sourceLayers: 0, headOnSource: false };
  const work = new ModelWork({ setup, settings, transport, lendBytes: () => lendBytes, lendable: async () => {}, post });
  opened.push(() => work.close(new AppError('stopped', 'the test is over')));
  const told = <K extends FromWorker['kind']>(kind: K) =>
    posted.filter((message): message is Extract<FromWorker, { kind: K }> => message.kind === kind);
  /** What was sent to other devices by now. */
  const sentByNow = async () => {
    port1.postMessage({ kind: 'echo' } satisfies FromLinks);
    await expect.poll(() => sent.at(-1)).toEqual({ kind: 'echo' });
    return sent.slice(0, -1);
  };
  return { work, told, sentByNow };
}

function planOf(epoch: number, peerId: number): Plan {
  return {
    epoch,
    modelUrl,
    contextLength: 64,
    wireDtype: 'f32',
    objective: 'latency',
    sourceLayers: 0,
    stages: [{ peerId, layers: { startLayer: 0, endLayer: 8 }, head: true }],
    predicted: {
      msPerToken: 1,
      bottleneckMs: 1,
      tokensPerSecond: 1,
      firstTokenMs: 1,
      stageMs: [1],
      overheadMs: [0],
      linkMs: [0, 0],
    },
    why: { code: 'mended', expected: { objective: 'latency', msPerToken: 1 } },
    leftOut: [],
  };
}

test('a plan that comes while the device is still starting is loaded as soon as it can', async () => {
  const { work, told } = startWork();
  void work.donation.start();
  work.prepare(planOf(1, SELF));
  await expect.poll(() => told('ready'), { timeout: 20_000 }).toEqual([{ kind: 'ready', epoch: 1 }]);
  expect(told('prepare-failed')).toEqual([]);
});

test('a device that stops and starts again in mid-load loads its part anew', async () => {
  const { work, told } = startWork();
  await work.donation.start();
  work.prepare(planOf(1, SELF));
  work.donation.stop();
  await work.donation.start();
  await expect.poll(() => told('ready'), { timeout: 20_000 }).toEqual([{ kind: 'ready', epoch: 1 }]);
});

test('a processor offers no more than its kernels can reach, whatever its owner lends', async () => {
  const { work, told } = startWork({ lendBytes: 16e9 });
  await work.donation.start();
  const [offered] = told('profile');
  expect(offered!.profile.engine).toBe('cpu');
  expect(offered!.profile.lendBytes).toBeLessThan(2 ** 32);
});

test('a device says what it need not download again when it donates and after each load, here nothing', async () => {
  const { work, told } = startWork();
  const stored = { kind: 'stored', modelUrl, layers: [], head: false };
  await work.donation.start();
  await expect.poll(() => told('stored')).toEqual([stored]);
  work.prepare(planOf(1, SELF));
  await expect.poll(() => told('stored'), { timeout: 20_000 }).toEqual([stored, stored]);
  expect(told('store-full')).toEqual([]);
});

test('a device that lends nothing says so when a plan counts on it, and nothing when it does not', () => {
  const { work, told } = startWork();
  work.prepare(planOf(1, OTHER));
  expect(told('prepare-failed')).toEqual([]);
  work.prepare(planOf(2, SELF));
  expect(told('prepare-failed')).toMatchObject([{ epoch: 2, error: { code: 'stage-failed' } }]);
});

test('a plan for another model than the one that is open here is not waited for', () => {
  const { work, told } = startWork();
  work.prepare({ ...planOf(1, SELF), modelUrl: '/another.gguf' });
  expect(told('prepare-failed')).toMatchObject([{ epoch: 1, error: { code: 'stage-failed' } }]);
});

test('a device that cannot start says so to the plan that counts on it', async () => {
  isServed = false;
  const { work, told } = startWork();
  const starting = work.donation.start();
  work.prepare(planOf(1, SELF));
  await starting;
  expect(told('prepare-failed')).toMatchObject([{ epoch: 1, error: { code: 'model-unreachable' } }]);
});

test('a question that waits for the model is answered with the reason when another model takes its place', async () => {
  const { work } = startWork({ chats: true });
  const error = new AppError('room-changed', 'the host has changed the settings of the room');
  const waiting = expect(work.chat()).rejects.toBe(error);
  work.close(error);
  await waiting;
});

test('rows for a device without layers are refused only to whom the plan has send them', async () => {
  const { work, told, sentByNow } = startWork();
  work.activate(planOf(1, OTHER));
  const runs = [{ source: OTHER, request: 1, sequence: 1, position: 0, rows: 1 }];
  const frame = { kind: 'forward', untilLayer: 8, runs, heads: [], trail: [], dtype: 'f32', dim: 1 } as const;
  work.receiveFrame(OTHER, { ...frame, epoch: 1, runs: [...runs], heads: [], trail: [], hidden: new Float32Array(1) });
  work.receiveFrame(SELF, { ...frame, epoch: 9, runs: [...runs], heads: [], trail: [], hidden: new Float32Array(1) });
  expect(told('refused')).toEqual([
    { kind: 'refused', from: OTHER },
    { kind: 'refused', from: SELF },
  ]);
  expect(await sentByNow()).toEqual([]);
});
