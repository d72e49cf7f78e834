import { afterEach, expect, test, vi } from 'vitest';
import { initialView } from '../room/view-store.ts';
import type { GenerateEvent } from '../workers/client.ts';
import { PoolEngine } from './pool-engine.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

async function* answer(): AsyncGenerator<GenerateEvent> {
  yield { kind: 'text', text: 'Once', tokenIds: [5] };
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
