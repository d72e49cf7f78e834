import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../shared/errors.ts';
import type { ForwardFrame, Frame, ReplyFrame } from '../shared/protocol/frame.ts';
import { answer, forward, planOf, type TestDevice, TestRoom } from './testing/room.ts';

const PROMPT = [5, 17, 100, 42, 9];

let room: TestRoom;
let chat: TestDevice;
let first: TestDevice;
let last: TestDevice;
/** Sits in the room and has no part in the plan. */
let stranger: TestDevice;
let expected: number[];

beforeEach(async () => {
  room = new TestRoom();
  [chat, first, last, stranger] = [await room.join(1), await room.join(2), await room.join(3), await room.join(4)];
  await room.adopt(planOf(1, [2, 3], [3, 6]));
  expected = await answer(chat, PROMPT, 12);
});

/** Everything that the devices send each other, as a listener with luck would know it. */
function overhear(): { frames: Frame[] } {
  const heard: { frames: Frame[] } = { frames: [] };
  for (const device of [chat, first, last]) {
    const send = device.sendFrame.bind(device);
    device.sendFrame = (to, frame) => {
      heard.frames.push(frame);
      send(to, frame);
    };
  }
  return heard;
}

describe('a device that has no part in an answer changes nothing of it', () => {
  it('with rows in the name of the chat, at any stage', async () => {
    const ids = await answer(chat, PROMPT, 12, () => {
      for (const to of [2, 3]) stranger.sendFrame(to, forward(1));
    });
    expect(ids).toEqual(expected);
    expect(first.refused).toEqual(Array(12).fill(4));
    expect(last.refused).toEqual(Array(12).fill(4));
  });

  it('with rows of its own that skip the first stage', async () => {
    stranger.sendFrame(3, forward(4));
    await expect.poll(() => last.refused).toEqual([4]);
    expect(last.rowsServed).toHaveLength(12);
  });

  it('with replies and errors, even if it knows which passes are on their way', async () => {
    const heard = overhear();
    const lost = new AppError('device-lost', 'forged');
    const stop = first.stage.receive.bind(first.stage);
    // The forgery is there before the true reply.
    first.stage.receive = (from, frame) => {
      const { request } = frame.runs[0]!;
      const reply: ReplyFrame = { kind: 'reply', epoch: 1, request, rows: [], hidden: null, trail: [] };
      chat.receiveFrame(4, reply);
      chat.receiveMessage(4, { kind: 'stage-error', epoch: 1, request, error: lost.toReport() });
      stop(from, frame);
    };
    expect(await answer(chat, PROMPT, 12)).toEqual(expected);
    expect(heard.frames.length).toBeGreaterThan(0);
    expect(chat.refused).toEqual(Array(24).fill(4));
  });

  it('with a reply of a stage that does not end the pass', async () => {
    const pass = first.stage.receive.bind(first.stage);
    first.stage.receive = (from, frame) => {
      const { request } = frame.runs[0]!;
      first.sendFrame(1, { kind: 'reply', epoch: 1, request, rows: [], hidden: null, trail: [] });
      pass(from, frame);
    };
    expect(await answer(chat, PROMPT, 12)).toEqual(expected);
    expect(chat.refused).toEqual(Array(12).fill(2));
  });

  it('with `free` for sequences of others', async () => {
    const heard = overhear();
    const ids = await answer(chat, PROMPT, 12, () => {
      for (const frame of heard.frames.filter(({ kind }) => kind === 'forward')) {
        const { sequence } = (frame as ForwardFrame).runs[0]!;
        for (const to of [2, 3]) stranger.sendMessage(to, { kind: 'free', sequence });
      }
    });
    expect(ids).toEqual(expected);
    expect(heard.frames.length).toBeGreaterThan(0);
  });

  it('with rows under a plan that nobody knows: their supposed source hears nothing of it', async () => {
    const told: string[] = [];
    chat.coordinator.handleStageError = (_from, _request, error) => told.push(error.code);
    stranger.sendFrame(2, { ...forward(1), epoch: 77 });
    await expect.poll(() => first.refused).toEqual([4]);
    expect(told).toEqual([]);
  });
});

it('a stage keeps nothing for chats that a stage before it has made up', async () => {
  for (let source = 1000; source < 1050; source++) first.sendFrame(3, forward(source));
  await expect.poll(() => last.refused.length).toBe(50);
  expect(new Set(last.refused)).toEqual(new Set([2]));
  const before = room.kvBytes()[2];
  expect(await answer(chat, PROMPT, 12)).toEqual(expected);
  expect(room.kvBytes()[2]).toBe(2 * before!);
});

describe('the trail of a reply', () => {
  it('names every stage with a digest of what it sent on, the same for the same rows', async () => {
    const trails: ReplyFrame['trail'][] = [];
    const take = chat.coordinator.handleReply.bind(chat.coordinator);
    chat.coordinator.handleReply = (from, reply) => {
      trails.push(reply.trail);
      take(from, reply);
    };
    await answer(chat, PROMPT, 2);
    await answer(chat, PROMPT, 2);
    expect(trails[0]!.map(({ peer }) => peer)).toEqual([2, 3]);
    expect(trails.slice(0, 2)).toEqual(trails.slice(2));
    expect(trails[0]![0]!.digest).not.toEqual(trails[1]![0]!.digest);
  });
});
