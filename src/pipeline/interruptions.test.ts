import { beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '../shared/errors.ts';
import { HOPELESS_MS } from './recovery.ts';
import { answer, GREEDY, planOf, SPEC, type TestDevice, TestRoom } from './testing/room.ts';

const PROMPT = [5, 17, 100, 42, 9];
const LONG_PROMPT = Array.from({ length: 90 }, (_, i) => (i * 37 + 11) % SPEC.vocabSize);

let expected: number[];

beforeEach(async () => {
  const room = new TestRoom();
  const alone = await room.join(1);
  await room.adopt(planOf(1, [1], [6]));
  expected = await answer(alone, PROMPT, 12);
});

/** Three devices, of which the first one asks and the others hold the model. */
async function roomOfThree(): Promise<{ room: TestRoom; chat: TestDevice; first: TestDevice; last: TestDevice }> {
  const room = new TestRoom();
  const [chat, first, last] = [await room.join(1), await room.join(2), await room.join(3)];
  await room.adopt(planOf(1, [2, 3], [3, 6]));
  return { room, chat, first, last };
}

/** Lets time go by until the answer is there or has failed. */
async function whileTimePasses<T>(room: TestRoom, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  for (let rounds = 0; !settled && rounds < 100; rounds++) await room.pass(500);
  return promise;
}

describe('an answer goes on, token for token,', () => {
  it('when a device leaves and another plan comes', async () => {
    const { room, chat } = await roomOfThree();
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, async (tokens) => {
        if (tokens !== 5) return;
        room.lose(2);
        setTimeout(() => void room.adopt(planOf(2, [1, 3], [3, 6])));
      }),
    );
    expect(ids).toEqual(expected);
  });

  it('and says so, when a device leaves while a pass is on its way through it', async () => {
    const { room, chat, first } = await roomOfThree();
    const told: AppError[] = [];
    const id = chat.coordinator.open();
    first.stage.receive = () => {};
    const options = { signal: new AbortController().signal, onInterrupted: (error: AppError) => told.push(error) };
    const feeding = chat.coordinator.feed(id, PROMPT, GREEDY, options);
    await new Promise((resolve) => setTimeout(resolve));
    room.lose(2);
    await room.adopt(planOf(2, [1, 3], [3, 6]));
    expect((await feeding).topIds[0]).toBe(expected[0]);
    expect(told.map(({ code }) => code)).toEqual(['peer-lost']);
  });

  it('when a link to a stage breaks and is there again', async () => {
    const { room, chat } = await roomOfThree();
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, (tokens) => {
        if (tokens !== 5) return;
        room.cut(1, 2);
        setTimeout(() => room.mend(1, 2));
      }),
    );
    expect(ids).toEqual(expected);
  });

  it('when a link to a later stage was down before the question, and says what it waits for', async () => {
    const { room, chat, first, last } = await roomOfThree();
    const told: AppError[] = [];
    room.cut(1, 3);
    const options = { signal: new AbortController().signal, onInterrupted: (error: AppError) => told.push(error) };
    const feeding = chat.coordinator.feed(chat.coordinator.open(), PROMPT, GREEDY, options);
    await room.pass(5000);
    expect(told.map(({ code }) => code)).toEqual(['peer-lost']);
    room.mend(1, 3);
    expect((await whileTimePasses(room, feeding)).topIds[0]).toBe(expected[0]);
    expect([first.rowsServed, last.refused, chat.hungStages]).toEqual([[PROMPT.length], [], []]);
  });

  it('when a link to a stage breaks and is there again while the chat’s own device is at a token', async () => {
    const room = new TestRoom();
    const chat = await room.join(1, { sourceLayers: 1, head: true });
    for (const peerId of [2, 3]) await room.join(peerId);
    await room.adopt(planOf(1, [2, 3], [3, 6], 1, true));
    const { source } = chat;
    const enter = source.enter.bind(source);
    let entered = 0;
    source.enter = async (...args) => {
      if (++entered === 5) {
        room.cut(1, 3);
        room.mend(1, 3);
      }
      return enter(...args);
    };
    expect(await whileTimePasses(room, answer(chat, PROMPT, 12))).toEqual(expected);
    expect(room.nowMs).toBeLessThanOrEqual(1000);
  });

  it('when a stage has let go of its sequence and only that one knows', async () => {
    const { room, chat, last } = await roomOfThree();
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, (tokens) => {
        if (tokens === 5) last.stage.peerLost(1);
      }),
    );
    expect(ids).toEqual(expected);
  });

  it('when a frame is lost between two donors, as their link breaks for a moment', async () => {
    const { room, chat, first, last } = await roomOfThree();
    let lost = 0;
    first.losesFrame = (to) => to === 3 && lost++ === 3;
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, (tokens) => {
        if (tokens !== 3) return;
        // The fourth pass is sent into the broken link; only its sender can know.
        setTimeout(() => {
          room.cut(2, 3);
          room.mend(2, 3);
        });
      }),
    );
    expect(ids).toEqual(expected);
    // Nothing but the lost pass was run again.
    expect(first.rowsServed).toHaveLength(13);
    expect(last.rowsServed).toHaveLength(12);
  });

  it('when a frame is lost and nobody notices', async () => {
    const { room, chat, last } = await roomOfThree();
    let lost = 0;
    last.losesFrame = (to) => to === 1 && lost++ === 4;
    expect(await whileTimePasses(room, answer(chat, PROMPT, 12))).toEqual(expected);
    expect(chat.hungStages).toEqual([]);
  });

  it('when a stage cannot reach the next one for a while', async () => {
    const { room, chat } = await roomOfThree();
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, (tokens) => {
        if (tokens !== 5) return;
        room.cut(2, 3);
        setTimeout(() => room.mend(2, 3), 20);
      }),
    );
    expect(ids).toEqual(expected);
  });
});

describe('a device that starts anew in mid-pass', () => {
  it('costs no token, though its chat first takes the pass for lost', async () => {
    const { room, chat, last } = await roomOfThree();
    const ids = await whileTimePasses(
      room,
      answer(chat, PROMPT, 12, async (tokens) => {
        if (tokens !== 5) return;
        last.engine.forward = () => new Promise(() => {});
        setTimeout(async () => {
          await last.loseEngine();
          await last.stage.prepare(planOf(1, [2, 3], [3, 6]));
          last.stage.activate(1);
        });
      }),
    );
    expect(ids).toEqual(expected);
    expect(chat.hungStages).toEqual([]);
  });
});

describe('a stage that hangs', () => {
  it('says so itself, and the answer goes on without it', async () => {
    const { room, chat, last } = await roomOfThree();
    const answering = answer(chat, PROMPT, 12, (tokens) => {
      if (tokens === 5) last.engine.forward = () => new Promise(() => {});
    });
    for (let ms = 0; last.hung.length === 0 && ms < 10_000; ms += 500) await room.pass(500);
    expect(last.hung.map(({ code }) => code)).toEqual(['stage-hung']);
    expect(room.nowMs).toBeLessThanOrEqual(5000);
    await room.adopt(planOf(2, [2], [6]));
    expect(await whileTimePasses(room, answering)).toEqual(expected);
  });

  it('says so to whoever asks it before the room does', async () => {
    const { room, chat, last } = await roomOfThree();
    const late = await room.join(4);
    await room.adopt(planOf(2, [2, 3], [3, 6]));
    last.engine.forward = () => new Promise(() => {});
    const answering = answer(chat, PROMPT, 12);
    for (let ms = 0; last.hung.length === 0 && ms < 10_000; ms += 500) await room.pass(500);
    const lateAnswer = answer(late, PROMPT, 12);
    const sinceMs = room.nowMs;
    await room.pass(500);
    await room.adopt(planOf(3, [2], [6]));
    expect(await whileTimePasses(room, lateAnswer)).toEqual(expected);
    expect(room.nowMs - sinceMs).toBeLessThanOrEqual(1000);
    expect(await whileTimePasses(room, answering)).toEqual(expected);
  });

  it('is found by the chat when it does not even say what it does', async () => {
    const { room, chat, last } = await roomOfThree();
    const answering = answer(chat, PROMPT, 12, (tokens) => {
      if (tokens !== 5) return;
      last.stage.receive = () => {};
      last.stage.trace = () => {};
    });
    for (let ms = 0; chat.hungStages.length === 0 && ms < 10_000; ms += 500) await room.pass(500);
    expect(chat.hungStages[0]).toEqual({ epoch: 1, peerId: 3 });
    expect(room.nowMs).toBeLessThanOrEqual(5000);
    await room.adopt(planOf(2, [2], [6]));
    expect(await whileTimePasses(room, answering)).toEqual(expected);
  });

  it('serves on when it was only held up for a while', async () => {
    const { room, chat, last } = await roomOfThree();
    const { forward } = last.engine;
    let release = () => {};
    const answering = answer(chat, PROMPT, 12, (tokens) => {
      if (tokens !== 5) return;
      last.engine.forward = async (request) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return forward.call(last.engine, request);
      };
    });
    for (let ms = 0; last.hung.length === 0 && ms < 10_000; ms += 500) await room.pass(500);
    last.engine.forward = forward;
    release();
    await expect.poll(() => last.cameBack).toBe(1);
    await room.adopt(planOf(2, [2, 3], [3, 6]));
    expect(await whileTimePasses(room, answering)).toEqual(expected);
    expect(last.hung).toHaveLength(1);
  });

  it('gives its engine up when that does not come back at all', async () => {
    const { room, chat, last } = await roomOfThree();
    last.engine.forward = () => new Promise(() => {});
    const abort = new AbortController();
    chat.coordinator.feed(chat.coordinator.open(), PROMPT, GREEDY, { signal: abort.signal }).catch(() => undefined);
    await room.pass(60_000);
    expect(last.hung).toHaveLength(2);
    expect(last.cameBack).toBe(0);
    abort.abort();
  });

  it('is left alone when it is only slow, as it measured', async () => {
    const { room, chat, last } = await roomOfThree();
    last.expectedMs = 20_000;
    const { forward } = last.engine;
    let wake = () => {};
    last.engine.forward = async (request) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return forward.call(last.engine, request);
    };
    const id = chat.coordinator.open();
    const feeding = chat.coordinator.feed(id, LONG_PROMPT.slice(0, 30), GREEDY, { signal: new AbortController().signal });
    await room.pass(20_000);
    wake();
    await feeding;
    expect([last.hung, chat.hungStages]).toEqual([[], []]);
  });
});

describe('a room that cannot go on', () => {
  it('ends the answer with what happened, soon after it has said so', async () => {
    const { room, chat } = await roomOfThree();
    const broken = answer(chat, PROMPT, 12, (tokens) => {
      if (tokens !== 5) return;
      room.lose(2);
      chat.coordinator.setPlan(null, true);
    });
    await expect(whileTimePasses(room, broken)).rejects.toMatchObject({ code: 'peer-lost' });
    expect(room.nowMs).toBeLessThan(HOPELESS_MS + 10_000);
  });

  it('ends everything when its work is replaced, and takes no more', async () => {
    const { room, chat, last } = await roomOfThree();
    last.stage.receive = () => {};
    const { signal } = new AbortController();
    const running = chat.coordinator.feed(chat.coordinator.open(), PROMPT, GREEDY, { signal });
    await room.pass(500);
    const waiting = new TestRoom();
    const lonely = await waiting.join(1);
    const unplanned = lonely.coordinator.feed(lonely.coordinator.open(), PROMPT, GREEDY, { signal });
    const error = Object.assign(new Error('other settings'), { code: 'room-changed' }) as AppError;
    const told = [running, unplanned].map((one) => expect(one).rejects.toMatchObject({ code: 'room-changed' }));
    for (const device of [chat, lonely]) device.coordinator.end(error);
    await Promise.all(told);
    await expect.poll(() => room.kvBytes()).toEqual([0, 0, 0]);
  });
});
