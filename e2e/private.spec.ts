import { expect } from '@playwright/test';
import { type SeenFrame, seenFrames } from './channel-frames.ts';
import { expectedAnswers, questionOf } from './references.ts';
import { test } from './room-test.ts';
import { ask, createRoom, openDonor, waitForStages } from './tabs.ts';

const { prompt, ids } = expectedAnswers.find(({ file, ids }) => file.includes('q8_0') && ids.length === 64)!;
const engine = 'cpu';

test('in a private room the same tokens come, and no other device is sent a row of the embedding or a logit', async ({
  lab,
  server,
}) => {
  const framesIn = async (isPrivate: boolean): Promise<SeenFrame[]> => {
    const chat = await createRoom(lab, server.url, { engine, donate: false }, isPrivate ? { privacy: 'private' } : {});
    const donor = await openDonor(lab, server.url, chat, { engine, name: 'donor', keepsChannelBytes: true });
    await waitForStages(chat.page, 1);
    const answer = await ask(chat.page, questionOf(prompt));
    expect(answer.ids).toEqual(ids);
    return seenFrames(donor);
  };
  const plain = await framesIn(false);
  const guarded = await framesIn(true);

  // An open room sends the rows of the embedding themselves: whoever has the model's file finds the words by them.
  const embeddingRows = new Set(plain.filter(({ direction }) => direction === 'in').flatMap(({ hidden }) => hidden.map(String)));
  expect(embeddingRows.size).toBeGreaterThan(20);
  expect(plain.filter(({ kind }) => kind === 'reply').some(({ logitRows }) => logitRows > 0)).toBe(true);

  const sentRows = guarded.flatMap(({ hidden }) => hidden.map(String));
  expect(sentRows.length).toBeGreaterThan(100);
  expect(sentRows.filter((row) => embeddingRows.has(row))).toEqual([]);
  expect(guarded.filter(({ logitRows }) => logitRows > 0)).toEqual([]);
});
