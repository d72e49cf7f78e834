import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PipelineClient } from './client.ts';
import type { FromWorker, GenerateSettings, ToWorker } from './messages.ts';

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
afterEach(() => vi.unstubAllGlobals());

const ask = (client: PipelineClient) =>
  client.generate({ text: 'Once' } as never, {} as GenerateSettings, new AbortController().signal).next();

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
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 1, text: ' upon', tokenIds: [3] } });
  expect(await asking).toMatchObject({ value: { kind: 'text', text: ' upon' } });
  ScriptedWorker.last.onerror({ message: 'some fault' });
  const next = ask(client);
  ScriptedWorker.last.onmessage({ data: { kind: 'generated', id: 2, text: ' a', tokenIds: [4] } });
  expect(await next).toMatchObject({ value: { text: ' a' } });
});
