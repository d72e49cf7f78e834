import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../shared/errors.ts';
import type { ForwardFrame, Run } from '../shared/protocol/frame.ts';
import { MAX_RECOVERIES, RECOVERY_PATIENCE_MS } from './recovery.ts';
import { answer, forward, GREEDY, planOf, SPEC, type TestDevice, TestRoom } from './testing/room.ts';

const PROMPT = [5, 17, 100, 42, 9];
const LONG_PROMPT = Array.from({ length: 90 }, (_, i) => (i * 37 + 11) % SPEC.vocabSize);
const SIGNAL = new AbortController().signal;

let expected: number[];
let expectedLong: number[];

beforeEach(async () => {
  const room = new TestRoom();
  const alone = await room.join(1);
  await room.adopt(planOf(1, [1], [6]));
  expected = await answer(alone, PROMPT, 12);
  expectedLong = await answer(alone, LONG_PROMPT, 12);
});

async function roomOf(peers: number): Promise<{ room: TestRoom; devices: TestDevice[] }> {
  const room = new TestRoom();
  const devices: TestDevice[] = [];
  for (let peerId = 1; peerId <= peers; peerId++) devices.push(await room.join(peerId));
  return { room, devices };
}

describe('a room', () => {
  it.each([
    [
      [1, 2],
      [3, 6],
    ],
    [
      [2, 3],
      [1, 6],
    ],
    [
      [3, 1, 2],
      [1, 5, 6],
    ],
    [
      [2, 3, 4, 1],
      [2, 3, 4, 6],
    ],
  ])('answers the same split over devices %j at layers %j as one device alone', async (peers, ends) => {
    const { room, devices } = await roomOf(4);
    await room.adopt(planOf(1, peers, ends));
    expect(await answer(devices[0]!, PROMPT, 12)).toEqual(expected);
    expect(await answer(devices[0]!, LONG_PROMPT, 12)).toEqual(expectedLong);
  });

  it('gives two chats that share the stages each their own answer', async () => {
    const { room, devices } = await roomOf(4);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    const [a, b, c] = await Promise.all([
      answer(devices[2]!, PROMPT, 12),
      answer(devices[3]!, LONG_PROMPT, 12),
      answer(devices[3]!, PROMPT, 12),
    ]);
    expect([a, b, c]).toEqual([expected, expectedLong, expected]);
  });

  it('runs only the new tokens of a follow-up question', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [2], [6]));
    const chat = devices[0]!;
    const id = chat.coordinator.open();
    await chat.coordinator.feed(id, LONG_PROMPT, GREEDY, { signal: SIGNAL });
    const before = devices[1]!.rowsServed.length;
    await chat.coordinator.feed(id, [...LONG_PROMPT, 1, 2, 3], GREEDY, { signal: SIGNAL });
    expect(devices[1]!.rowsServed.slice(before)).toEqual([3]);
  });

  it('runs a token that was sampled but never fed when an answer was stopped there', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [2], [6]));
    const id = devices[0]!.coordinator.open();
    const tokens = [...PROMPT];
    for (let i = 0; i < 4; i++)
      tokens.push((await devices[0]!.coordinator.feed(id, tokens, GREEDY, { signal: SIGNAL })).topIds[0]!);
    const row = await devices[0]!.coordinator.feed(id, [...tokens, 7, 8], GREEDY, { signal: SIGNAL });
    const fresh = await devices[0]!.coordinator.feed(devices[0]!.coordinator.open(), [...tokens, 7, 8], GREEDY, {
      signal: SIGNAL,
    });
    expect(row).toEqual(fresh);
  });

  it('forgets what a changed history no longer has', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [2, 1], [3, 6]));
    const chat = devices[0]!;
    const id = chat.coordinator.open();
    await chat.coordinator.feed(id, [...PROMPT.slice(0, 3), 150, 151, 152, 153], GREEDY, { signal: SIGNAL });
    expect(await answer(chat, PROMPT, 12, undefined, id)).toEqual(expected);
  });
});

describe('a new plan in mid-answer', () => {
  it.each([
    ['one device to two', [1], [6], [1, 2], [3, 6]],
    ['two devices to three', [1, 2], [3, 6], [1, 3, 2], [2, 4, 6]],
    ['a moved border', [1, 2], [2, 6], [1, 2], [4, 6]],
    ['other devices altogether', [1], [6], [2, 3], [3, 6]],
  ])('loses and changes no token: %s', async (_name, peers, ends, newPeers, newEnds) => {
    const { room, devices } = await roomOf(3);
    await room.adopt(planOf(1, peers, ends));
    const ids = await answer(devices[0]!, PROMPT, 12, async (tokens) => {
      if (tokens === 5) await room.adopt(planOf(2, newPeers, newEnds));
    });
    expect(ids).toEqual(expected);
    expect(devices[0]!.movedTo).toEqual([1, 2]);
  });

  it('lets go of moved layers when the sources have left, and rebuilds nothing behind the last moved one', async () => {
    const { room, devices } = await roomOf(3);
    const [chat, first, last] = devices as [TestDevice, TestDevice, TestDevice];
    await room.adopt(planOf(1, [2, 3], [2, 6]));
    const id = chat.coordinator.open();
    const start = await answer(chat, PROMPT, 3, undefined, id);
    const weights = first.engine.memory().weightBytes;
    await room.adopt(planOf(2, [2, 3], [1, 6]));
    expect(first.engine.memory().weightBytes).toBe(weights);
    room.retire(1);
    expect(first.engine.memory().weightBytes).toBe(weights / 2);
    expect(last.loadedLayers).toEqual([2, 3, 4, 5, 1]);
    expect(await answer(chat, [...PROMPT, ...start], 9, undefined, id)).toEqual(expected.slice(3));
  });

  it('survives layers that leave a device and come back', async () => {
    const { room, devices } = await roomOf(3);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    const ids = await answer(devices[0]!, PROMPT, 12, async (tokens) => {
      if (tokens !== 5) return;
      await room.adopt(planOf(2, [1, 3], [3, 6]));
      room.retire(1);
      await room.adopt(planOf(3, [1, 2], [3, 6]));
      room.retire(2);
    });
    expect(ids).toEqual(expected);
  });

  it('overtakes one that is still loading', async () => {
    const { room, devices } = await roomOf(2);
    const overtaken = devices[0]!.stage.prepare(planOf(1, [1], [6]));
    await room.adopt(planOf(2, [1, 2], [3, 6]));
    expect(await overtaken).toBe(false);
    expect(await answer(devices[0]!, PROMPT, 12)).toEqual(expected);
  });
});

describe('a device that loses what it held', () => {
  it.each([
    ['the same devices', [1, 2], [3, 6]],
    ['another split', [1, 2], [1, 6]],
    ['other devices', [1, 3], [3, 6]],
  ])('changes no token of the running answer: %s go on', async (_name, peers, ends) => {
    const { room, devices } = await roomOf(3);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    let adopting: Promise<void> | null = null;
    const ids = await answer(devices[0]!, PROMPT, 12, async (tokens) => {
      if (tokens !== 5) return;
      await devices[1]!.loseEngine();
      // The next token meets a device without layers; the plan that mends it comes later.
      adopting = new Promise((resolve) => setImmediate(resolve)).then(() => room.adopt(planOf(2, peers, ends)));
    });
    await adopting;
    expect(ids).toEqual(expected);
    expect(devices[0]!.movedTo).toEqual([1, 2]);
  });

  it('changes no token when it has its layers again before the next one', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    const ids = await answer(devices[0]!, LONG_PROMPT, 12, async (tokens) => {
      if (tokens !== 5) return;
      await devices[1]!.loseEngine();
      await room.adopt(planOf(2, [1, 2], [3, 6]));
    });
    expect(ids).toEqual(expectedLong);
  });

  it('ends the answer with the reason when no plan comes that mends it', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    const broken = answer(devices[0]!, PROMPT, 12, (tokens) => (tokens === 5 ? devices[1]!.loseEngine() : undefined));
    const told = expect(broken).rejects.toMatchObject({ code: 'epoch-unknown' });
    await room.pass(RECOVERY_PATIENCE_MS + 2000);
    await told;
  });

  it('ends the answer when it loses them again and again', async () => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [2], [6]));
    let epoch = 1;
    devices[1]!.engine.forward = () => {
      queueMicrotask(() => void room.adopt(planOf(++epoch, [2], [6])));
      return Promise.reject(new AppError('device-lost', 'The graphics device is gone'));
    };
    await expect(answer(devices[0]!, PROMPT, 12)).rejects.toMatchObject({ code: 'device-lost' });
    expect(epoch).toBe(2 + MAX_RECOVERIES);
  });
});

describe('what goes wrong', () => {
  it.each<[string, Partial<ForwardFrame>, Partial<Run>, string]>([
    ['a plan it does not know', { epoch: 99 }, {}, 'epoch-unknown'],
    ['another width', { dim: 8, hidden: new Float32Array(8) }, {}, 'frame-malformed'],
    ['a position beyond the context', {}, { position: 128 }, 'context-full'],
    ['a position that skips tokens', {}, { position: 7 }, 'sequence-gap'],
  ])('is answered with an error code when a frame has %s', async (_name, frame, run, code) => {
    const { room, devices } = await roomOf(2);
    await room.adopt(planOf(1, [2], [6]));
    const told = new Promise((resolve) => {
      devices[0]!.coordinator.handleStageError = (_from, _request, error) => resolve(error.code);
    });
    devices[1]!.stage.receive(1, { ...forward(1, SPEC.dim, run), ...frame });
    expect(await told).toBe(code);
  });

  it('is a context that is too small', async () => {
    const { room, devices } = await roomOf(1);
    await room.adopt(planOf(1, [1], [6]));
    const tooLong = Array(SPEC.contextLength + 1).fill(1);
    const id = devices[0]!.coordinator.open();
    await expect(devices[0]!.coordinator.feed(id, tooLong, GREEDY, { signal: SIGNAL })).rejects.toMatchObject({
      code: 'context-full',
    });
  });

  it('leaves no keys and values behind when a chat closes or its device leaves', async () => {
    const { room, devices } = await roomOf(3);
    await room.adopt(planOf(1, [1, 2], [3, 6]));
    const id = devices[0]!.coordinator.open();
    await answer(devices[0]!, PROMPT, 2, undefined, id);
    await answer(devices[2]!, PROMPT, 2);
    devices[0]!.coordinator.close(id);
    await expect.poll(() => devices[0]!.engine.memory().kvBytes).toBeGreaterThan(0);
    room.lose(3);
    await expect.poll(() => devices.map(({ engine }) => engine.memory().kvBytes)).toEqual([0, 0, 0]);
  });

  it('is a chat that stops waiting for a room without devices', async () => {
    const { devices } = await roomOf(1);
    const abort = new AbortController();
    const waiting = devices[0]!.coordinator.feed(devices[0]!.coordinator.open(), PROMPT, GREEDY, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'stopped' });
  });
});
