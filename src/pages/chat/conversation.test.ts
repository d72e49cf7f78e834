import { effect } from '@preact/signals';
import { expect, test, vi } from 'vitest';
import { AppError } from '../../shared/errors.ts';
import { type AnswerChunk, type ChatEngine, type ChatRequest, DEFAULT_SAMPLING } from './chat-engine.ts';
import { createConversation } from './conversation.ts';

const chunk = (content: string, ...token_ids: number[]): AnswerChunk => ({ choices: [{ delta: { content } }], token_ids });
const finish = (finish_reason: string): AnswerChunk => ({ choices: [{ delta: {}, finish_reason }] });
const usage: AnswerChunk = {
  choices: [],
  usage: { completion_tokens: 2, extra: { time_to_first_token_s: 0.25, prefill_tokens_per_s: 50, decode_tokens_per_s: 12.5 } },
};

/** Answers with what the test makes of each request. */
function engineOf(answer: (request: ChatRequest) => AsyncGenerator<AnswerChunk>) {
  const requests: ChatRequest[] = [];
  const interruptGenerate = vi.fn();
  const resetChat = vi.fn();
  const create = async (request: ChatRequest) => {
    requests.push(request);
    return answer(request);
  };
  return { requests, interruptGenerate, resetChat, chat: { completions: { create } } } satisfies ChatEngine & {
    requests: ChatRequest[];
  };
}

/** A promise that the test resolves when it wants to. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

async function* twoTokens() {
  yield chunk('Hello', 11);
  yield chunk(' world', 12);
  yield finish('stop');
  yield usage;
}

test('an answer gathers its text, its token ids and its speed', async () => {
  const conversation = createConversation(engineOf(twoTokens));
  await conversation.ask('Say hello', DEFAULT_SAMPLING);
  expect(conversation.turns.value[0]?.answer.value).toMatchObject({
    state: 'done',
    text: 'Hello world',
    tokenIds: [11, 12],
    stats: { tokens: 2, firstTokenMs: 250, tokensPerSecond: 12.5 },
    cutShort: false,
    interruptions: [],
  });
  expect(conversation.isAnswering.value).toBe(false);
});

test('the next question carries the conversation before it', async () => {
  const engine = engineOf(twoTokens);
  const conversation = createConversation(engine);
  await conversation.ask('First', DEFAULT_SAMPLING);
  await conversation.ask('Second', { temperature: 0, max_tokens: 7 });
  expect(engine.requests[1]).toEqual({
    messages: [
      { role: 'user', content: 'First' },
      { role: 'assistant', content: 'Hello world' },
      { role: 'user', content: 'Second' },
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    max_tokens: 7,
  });
});

test('a failed answer keeps what it had, says why, and is left out of what follows', async () => {
  let calls = 0;
  const engine = engineOf(async function* () {
    yield chunk('Half');
    if (calls++ === 0) throw new AppError('peer-lost', 'Device 2 has left');
  });
  const conversation = createConversation(engine);
  await conversation.ask('First', DEFAULT_SAMPLING);
  const error = { code: 'peer-lost', message: 'Device 2 has left' };
  expect(conversation.turns.value[0]?.answer.value).toMatchObject({ state: 'failed', text: 'Half', error });
  await conversation.ask('Second', DEFAULT_SAMPLING);
  expect(engine.requests[1]?.messages).toEqual([{ role: 'user', content: 'Second' }]);
});

test('a request that is refused at once is a failed answer too', async () => {
  const refuse = () => Promise.reject(new Error('no engine'));
  const conversation = createConversation({ ...engineOf(twoTokens), chat: { completions: { create: refuse } } });
  await conversation.ask('Hello', DEFAULT_SAMPLING);
  expect(conversation.turns.value[0]?.answer.value).toMatchObject({ state: 'failed', error: { code: 'internal' } });
});

test('stopping interrupts the engine and keeps the text', async () => {
  const interrupted = gate();
  const engine = engineOf(async function* () {
    yield chunk('So far', 1);
    await interrupted.opened;
    yield finish('abort');
  });
  engine.interruptGenerate.mockImplementation(() => interrupted.open());
  const conversation = createConversation(engine);
  const asked = conversation.ask('Go on', DEFAULT_SAMPLING);
  await expect.poll(() => conversation.turns.value[0]?.answer.value.text).toBe('So far');
  conversation.stop();
  await asked;
  expect(conversation.turns.value[0]?.answer.value).toMatchObject({ state: 'stopped', text: 'So far', error: null });
});

test('a new conversation forgets the old one and waits for its answer to end', async () => {
  const interrupted = gate();
  const engine = engineOf(async function* () {
    yield chunk('Old');
    await interrupted.opened;
  });
  const conversation = createConversation(engine);
  const asked = conversation.ask('Old question', DEFAULT_SAMPLING);
  conversation.clear();
  expect(conversation.turns.value).toEqual([]);
  expect(conversation.isAnswering.value).toBe(true);
  expect(engine.interruptGenerate).toHaveBeenCalledOnce();
  expect(engine.resetChat).toHaveBeenCalledOnce();
  interrupted.open();
  await asked;
  expect(conversation.isAnswering.value).toBe(false);
});

test('blank questions, and questions during an answer, are not asked', async () => {
  const engine = engineOf(twoTokens);
  const conversation = createConversation(engine);
  const asked = conversation.ask('First', DEFAULT_SAMPLING);
  await Promise.all([conversation.ask('Second', DEFAULT_SAMPLING), asked]);
  await conversation.ask('  \n', DEFAULT_SAMPLING);
  expect(engine.requests).toHaveLength(1);
});

test('an answer that was cut at its longest length says so', async () => {
  const conversation = createConversation(
    engineOf(async function* () {
      yield chunk('Long');
      yield finish('length');
    }),
  );
  await conversation.ask('Go on', DEFAULT_SAMPLING);
  expect(conversation.turns.value[0]?.answer.value).toMatchObject({ state: 'done', cutShort: true });
});

test('an answer that got over the loss of a device says so, and goes on', async () => {
  const interruption = { code: 'peer-lost', message: 'Tablet left in mid-answer' } as const;
  const conversation = createConversation(
    engineOf(async function* () {
      yield chunk('Once', 1);
      yield { ...chunk(''), interruption };
      yield chunk(' upon', 2);
      yield finish('stop');
    }),
  );
  await conversation.ask('Go on', DEFAULT_SAMPLING);
  const { state, text, interruptions } = conversation.turns.value[0]!.answer.value;
  expect({ state, text, interruptions }).toEqual({ state: 'done', text: 'Once upon', interruptions: [interruption] });
});

test('a fast stream of a thousand tokens is drawn a few times and loses none', async () => {
  const conversation = createConversation(
    engineOf(async function* () {
      for (let i = 0; i < 1000; i++) yield chunk('x', i);
    }),
  );
  let drawings = 0;
  effect(() => {
    if (conversation.turns.value[0]?.answer.value) drawings++;
  });
  const startedAt = performance.now();
  await conversation.ask('Go', DEFAULT_SAMPLING);
  const intervals = (performance.now() - startedAt) / 100;
  expect(conversation.turns.value[0]?.answer.value.text).toHaveLength(1000);
  expect(conversation.turns.value[0]?.answer.value.tokenIds).toHaveLength(1000);
  expect(drawings).toBeLessThan(intervals + 5);
});
