import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { GenerateSettings } from '../shared/model/generation.ts';
import { PipelineClient } from './client.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Stands for the browser's: the test says what comes from it. */
class ScriptedWorker {
  static last: ScriptedWorker;
  onmessage: (event: { data: FromWorker }) => void = () => {};
  onerror: (event: { message: string }) => void = () => {};
  readonly sent: ToWorker[] = [];

  constructor() {
    ScriptedWorker.last = this;
  }

  postMessage(message: ToWorker): void {
    this.sent.push(message);
  }
}

beforeEach(() => vi.stubGlobal('Worker', ScriptedWorker));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const ask = (client: PipelineClient, signal = new AbortController().signal) =>
  client.generate({ text: 'Once' } as never, {} as GenerateSettings, signal).next();

it('a worker that cannot start ends what was asked of it, and refuses what is asked later', async () => {
  const told: string[] = [];
  const client = new PipelineClient(({ kind }) => told.push(kind));
  const waiting = expect(ask(client)).rejects.toMatchObject({ code: 'internal', message: 'no such script' });
  ScriptedWorker.last.onerror({ message: 'no such script' });
  await waiting;
  await expect(ask(client)).rejects.toMatchObject({ code: 'internal' });
  expect(told).toEqual(['device-failed']);
});

it('a fault in a worker that runs ends no answer', async () => {
  const client = new PipelineClient(() => {});
  const asking = ask(client);
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 1, text: ' upon', tokenIds: [3], logprobs: [] } });
  expect(await asking).toMatchObject({ value: { kind: 'text', text: ' upon' } });
  ScriptedWorker.last.onerror({ message: 'some fault' });
  const next = ask(client);
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 2, text: ' a', tokenIds: [4], logprobs: [] } });
  expect(await next).toMatchObject({ value: { text: ' a' } });
});

it('Stop is heard within 200 ms though the worker is in a long forward, and its late account is dropped', async () => {
  vi.useFakeTimers();
  const client = new PipelineClient(() => {});
  const stopping = new AbortController();
  const stopped = expect(ask(client, stopping.signal)).rejects.toMatchObject({ code: 'stopped' });
  stopping.abort();
  await vi.advanceTimersByTimeAsync(200);
  await stopped;
  const { sent } = ScriptedWorker.last;
  expect(sent.map(({ kind }) => kind)).toEqual(['generate', 'stop']);
  const next = ask(client);
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 1, text: ' late', tokenIds: [3], logprobs: [] } });
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 2, text: ' upon', tokenIds: [4], logprobs: [] } });
  expect(await next).toMatchObject({ value: { text: ' upon' } });
});

it('a stopped answer says how far it came when the worker can say so', async () => {
  const client = new PipelineClient(() => {});
  const stopping = new AbortController();
  const asking = ask(client, stopping.signal);
  stopping.abort();
  const usage = { promptIds: [1], completionTokens: 2, timeToFirstTokenMs: 3, decodeMs: 4 };
  ScriptedWorker.last.onmessage({ data: { kind: 'finished', id: 1, reason: 'abort', usage } });
  expect(await asking).toMatchObject({ value: { kind: 'finished', usage } });
});
