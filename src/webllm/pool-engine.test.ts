import { afterEach, expect, test, vi } from 'vitest';
import { initialView } from '../room/view-store.ts';
import type { GenerateEvent } from '../workers/client.ts';
import { PoolEngine } from './pool-engine.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const LOGPROB = { text: 'Once', bytes: [79, 110, 99, 101], logprob: -0.5, top: [{ text: 'A', bytes: [65], logprob: -0.25 }] };
const AS_WEBLLM_SAYS_IT = {
  content: [
    { token: 'Once', bytes: [79, 110, 99, 101], logprob: -0.5, top_logprobs: [{ token: 'A', bytes: [65], logprob: -0.25 }] },
  ],
};

async function* answer(): AsyncGenerator<GenerateEvent> {
  yield { kind: 'text', text: 'Once', tokenIds: [5], logprobs: [LOGPROB] };
  const usage = { promptIds: [1, 2], completionTokens: 1, timeToFirstTokenMs: 10, decodeMs: 0 };
  yield { kind: 'finished', reason: 'stop', usage };
}

test('answers come on plain http too, where browsers have no randomUUID', async () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
  const worker = { generate: answer, send: () => {} };
  const pool = new PoolEngine({ worker, view: () => initialView(true, null) });
  const ask = () => pool.chat.completions.create({ messages: [{ role: 'user', content: 'Tell' }] });
  const [first, second] = [await ask(), await ask()];
  expect(first.choices[0]?.message.content).toBe('Once');
  expect(first.id).toMatch(/^[0-9a-f]{32}$/);
  expect(second.id).not.toBe(first.id);
});

test('logprobs come in WebLLM’s form, whole and streamed, and only where they were asked for', async () => {
  const pool = new PoolEngine({ worker: { generate: answer, send: () => {} }, view: () => initialView(true, null) });
  const request = { messages: [{ role: 'user' as const, content: 'Tell' }], logprobs: true };
  const whole = await pool.chat.completions.create(request);
  expect(whole.choices[0]!.logprobs).toEqual(AS_WEBLLM_SAYS_IT);
  const chunks = [];
  for await (const chunk of await pool.chat.completions.create({ ...request, stream: true })) chunks.push(chunk.choices[0]!);
  expect(chunks.map(({ logprobs }) => logprobs)).toEqual([AS_WEBLLM_SAYS_IT, undefined]);
  const plain = await pool.chat.completions.create({ ...request, logprobs: false });
  expect(plain.choices[0]!.logprobs).toBeNull();
});
