import { expect, it } from 'vitest';
import type { Frame } from '../shared/protocol/frame.ts';
import { answer, planOf, SPEC, type TestDevice, TestRoom } from './testing/room.ts';

const PROMPT = [5, 17, 100, 42, 9];
const LONG_PROMPT = Array.from({ length: 90 }, (_, i) => (i * 37 + 11) % SPEC.vocabSize);

async function answersAlone(): Promise<number[][]> {
  const room = new TestRoom();
  const alone = await room.join(1);
  await room.adopt(planOf(1, [1], [6]));
  return [await answer(alone, PROMPT, 12), await answer(alone, LONG_PROMPT, 12)];
}

it.each([
  [1, true],
  [2, true],
  [0, true],
  [3, false],
])('a chat that runs %i layers itself, and the head: %s, gets the same tokens', async (sourceLayers, head) => {
  const [expected, expectedLong] = await answersAlone();
  const room = new TestRoom();
  const chat = await room.join(1, { sourceLayers, head });
  for (const peerId of [2, 3]) await room.join(peerId);
  await room.adopt(planOf(1, [2, 3], [4, 6], sourceLayers, head));
  expect(await answer(chat, PROMPT, 12)).toEqual(expected);
  const moved = answer(chat, LONG_PROMPT, 12, async (tokens) => {
    if (tokens === 5) await room.adopt(planOf(2, [3, 2], [5, 6], sourceLayers, head));
  });
  expect(await moved).toEqual(expectedLong);
});

it('no other device is sent a row of the embedding, or a logit', async () => {
  const room = new TestRoom();
  const chat = await room.join(1, { sourceLayers: 1, head: true });
  const [first, last] = [await room.join(2), await room.join(3)];
  await room.adopt(planOf(1, [2, 3], [3, 6], 1, true));
  const sent: Frame[] = [];
  for (const device of [chat, first, last] as TestDevice[]) {
    const send = device.sendFrame.bind(device);
    device.sendFrame = (to, frame) => {
      sent.push(frame);
      send(to, frame);
    };
  }
  await answer(chat, PROMPT, 4);
  const replies = sent.filter((frame) => frame.kind === 'reply');
  expect(replies.map(({ rows, hidden }) => [rows.length, hidden?.values.length])).toEqual(Array(4).fill([0, SPEC.dim]));
  const embedding = await room.embeddingRow(PROMPT[0]!);
  const firstRows = sent.filter((frame) => frame.kind === 'forward').map(({ hidden, dim }) => [...hidden.subarray(0, dim)]);
  expect(firstRows).not.toContainEqual([...embedding]);
});

it('what its own device keeps of a conversation goes when the conversation does', async () => {
  const room = new TestRoom();
  const chat = await room.join(1, { sourceLayers: 2, head: true });
  await room.join(2);
  await room.adopt(planOf(1, [2], [6], 2, true));
  const id = chat.coordinator.open();
  await answer(chat, PROMPT, 2, undefined, id);
  expect(room.sourceKvBytes(1)).toBeGreaterThan(0);
  chat.coordinator.close(id);
  await expect.poll(() => room.sourceKvBytes(1)).toBe(0);
});
