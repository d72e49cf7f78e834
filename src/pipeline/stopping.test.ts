import { describe, expect, it } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { MAX_QUEUED_ROWS } from './source-book.ts';
import { answer, forward, GREEDY, planOf, SPEC, TestRoom } from './testing/room.ts';

const LONG_PROMPT = Array.from({ length: 90 }, (_, i) => (i * 37 + 11) % SPEC.vocabSize);

async function threeStages() {
  const room = new TestRoom();
  const [chat, second, third] = [await room.join(1), await room.join(2), await room.join(3)];
  await room.adopt(planOf(1, [1, 2, 3], [2, 4, 6]));
  return { room, chat, second, third };
}

describe('stop', () => {
  it('is heard while a pass is under way, and leaves no keys and values on any stage', async () => {
    const { room, chat, third } = await threeStages();
    let release = () => {};
    const { forward } = third.engine;
    third.engine.forward = async (request) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return forward.call(third.engine, request);
    };
    const abort = new AbortController();
    const feeding = chat.coordinator.feed(chat.coordinator.open(), LONG_PROMPT, GREEDY, { signal: abort.signal });
    await expect.poll(() => room.kvBytes()[1]).toBeGreaterThan(0);
    abort.abort();
    await expect(feeding).rejects.toMatchObject({ code: 'stopped' });
    release();
    await expect.poll(() => room.kvBytes()).toEqual([0, 0, 0]);
  });

  it('leaves nothing where `free` overtakes a chunk that is still on its way', async () => {
    const { room, chat, second } = await threeStages();
    const held: (() => void)[] = [];
    const send = second.sendFrame.bind(second);
    second.sendFrame = (to, frame) => void held.push(() => send(to, frame));
    const abort = new AbortController();
    const feeding = chat.coordinator.feed(chat.coordinator.open(), LONG_PROMPT, GREEDY, { signal: abort.signal });
    await expect.poll(() => held.length).toBeGreaterThan(0);
    abort.abort();
    await expect(feeding).rejects.toMatchObject({ code: 'stopped' });
    await room.pass(500);
    for (const sendOn of held) sendOn();
    await room.pass(500);
    await expect.poll(() => room.kvBytes()).toEqual([0, 0, 0]);
  });

  it('leaves no word of its passes on a stage, which would push out those of later ones', async () => {
    const { chat, second } = await threeStages();
    const requests: number[] = [];
    const { receive } = second.stage;
    second.stage.receive = (from, frame) => {
      requests.push(frame.runs[0]!.request);
      receive.call(second.stage, from, frame);
    };
    const { forward } = second.engine;
    const { free } = second.stage;
    for (let i = 0; i < 10; i++) {
      const abort = new AbortController();
      const isFreed = new Promise<void>((resolve) => {
        second.stage.free = (source, sequence) => {
          free.call(second.stage, source, sequence);
          resolve();
        };
      });
      second.engine.forward = async (request) => {
        const result = await forward.call(second.engine, request);
        abort.abort();
        await isFreed;
        return result;
      };
      const feeding = chat.coordinator.feed(chat.coordinator.open(), [i], GREEDY, { signal: abort.signal });
      await expect(feeding).rejects.toMatchObject({ code: 'stopped' });
    }
    await expect.poll(() => second.rowsServed).toHaveLength(10);
    const states: string[] = [];
    chat.coordinator.handleTraced = (_from, { state }) => void states.push(state);
    for (const request of requests) second.stage.trace(1, 1, request);
    await expect.poll(() => states).toEqual(Array(10).fill('unseen'));
  });

  it('lets the next question be asked at once', async () => {
    const { chat, third } = await threeStages();
    const id = chat.coordinator.open();
    const expected = await answer(chat, LONG_PROMPT, 4);
    const { receive } = third.stage;
    third.stage.receive = () => {};
    const abort = new AbortController();
    const feeding = chat.coordinator.feed(id, LONG_PROMPT, GREEDY, { signal: abort.signal });
    queueMicrotask(() => abort.abort());
    await expect(feeding).rejects.toMatchObject({ code: 'stopped' });
    third.stage.receive = receive;
    expect(await answer(chat, LONG_PROMPT, 4, undefined, id)).toEqual(expected);
  });
});

describe('what a source may keep at a stage', () => {
  it('is bounded: the conversation that was unused for longest gives way, and is whole again when it goes on', async () => {
    const { room, chat } = await threeStages();
    const first = chat.coordinator.open();
    const start = await answer(chat, LONG_PROMPT, 2, undefined, first);
    for (let i = 0; i < 70; i++) await answer(chat, [i], 1);
    const perToken = room.kvBytes()[1]! / (64 * 2);
    expect(perToken).toBeLessThan(10_000);
    const rest = await answer(chat, [...LONG_PROMPT, ...start], 3, undefined, first);
    expect([...start, ...rest]).toEqual(await answer(chat, LONG_PROMPT, 5));
  });

  it('is bounded: more rows than may wait are refused with an error', async () => {
    const { chat, second } = await threeStages();
    second.engine.forward = () => new Promise(() => {});
    const errors: string[] = [];
    chat.coordinator.handleStageError = (_from, _request, error) => errors.push(error.code);
    const send = (i: number) => {
      const run = { request: i, sequence: i, rows: 64 };
      second.stage.receive(1, { ...forward(1, SPEC.dim, run), heads: [], hidden: new Float32Array(64 * SPEC.dim) });
    };
    for (let i = 0; i < MAX_QUEUED_ROWS / 64; i++) send(i);
    await new Promise((resolve) => setTimeout(resolve));
    expect(errors).toEqual([]);
    for (let i = 0; i < 4; i++) send(100 + i);
    await expect.poll(() => errors).toEqual(Array(4).fill('busy'));
  });
});

describe('a chat that starts anew', () => {
  it('is heard though the last words of its earlier self come after its first ones', async () => {
    const { room, chat } = await threeStages();
    const expected = await answer(chat, LONG_PROMPT, 4);
    const held: (() => void)[] = [];
    const send = chat.sendMessage.bind(chat);
    chat.sendMessage = (to, message) => void held.push(() => send(to, message));
    chat.coordinator.end(new AppError('room-changed', 'other settings'));
    chat.sendMessage = send;
    chat.startAgain().setPlan(planOf(1, [1, 2, 3], [2, 4, 6]));
    for (const say of held) say();
    await room.pass(500);
    expect(await answer(chat, LONG_PROMPT, 4)).toEqual(expected);
  });
});
