import { expect } from '@playwright/test';
import { expectedAnswers, questionOf } from './references.ts';
import { startOtherServer, test } from './room-test.ts';
import { ask, createRoom, openChat, openDonor, openDonors, readView, waitForStages } from './tabs.ts';

const answers = expectedAnswers.filter(({ file, ids }) => file.includes('q8_0') && ids.length === 64);
const [first, second] = [answers[0]!, answers[5]!];
const cpu = { engine: 'cpu' };

test('a chat without donors runs alone', async ({ lab, server }) => {
  const { page } = await createRoom(lab, server.url, { engine: 'webgpu' });
  const { room, selfId } = await waitForStages(page, 1);
  expect(room!.plan!.stages[0]!.peerId).toBe(selfId);
  expect((await ask(page, questionOf(first.prompt))).ids).toEqual(first.ids);
});

test('two rooms do not hear each other', async ({ lab, server }) => {
  const one = await createRoom(lab, server.url, { engine: 'cpu', name: 'one' });
  const other = await createRoom(lab, server.url, { engine: 'cpu', name: 'other', donate: false });
  const [donor] = await openDonors(lab, server.url, other, [8], cpu);
  await Promise.all([waitForStages(one.page, 1), waitForStages(other.page, 1)]);
  const [a, b] = await Promise.all([ask(one.page, questionOf(first.prompt)), ask(other.page, questionOf(second.prompt))]);
  expect([a.ids, b.ids]).toEqual([first.ids, second.ids]);
  expect((await readView(one.page)).room!.peers.map(({ name }) => name)).toEqual(['one']);
  expect((await readView(other.page)).room!.peers.map(({ name }) => name)).toEqual(['other', 'donor 1']);
  // The other room's donor computed one prompt and its answer, and not the first room's as well.
  await expect.poll(async () => (await readView(donor!)).self.tokensServed).toBe(b.promptIds.length + b.ids.length - 1);
});

test('two chats in one room both get their own answer', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  const guest = await openChat(lab, server.url, chat, { engine: 'cpu', donate: false });
  for (const name of ['left', 'right']) await openDonor(lab, server.url, chat, { ...cpu, name, lendBytes: 2_400_000 });
  await Promise.all([waitForStages(chat.page, 2), waitForStages(guest, 2)]);
  const [a, b] = await Promise.all([ask(chat.page, questionOf(first.prompt)), ask(guest, questionOf(second.prompt))]);
  expect([a.ids, b.ids]).toEqual([first.ids, second.ids]);
});

test('everything works over polling where websocket is refused', async ({ lab }) => {
  const server = await startOtherServer(['--transports', 'polling']);
  try {
    const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
    await openDonors(lab, server.url, chat, [3, 3, 2], cpu);
    await waitForStages(chat.page, 3);
    expect((await ask(chat.page, questionOf(first.prompt))).ids).toEqual(first.ids);
    expect((await fetch(`${server.url}/socket.io/?EIO=4&transport=websocket`)).status).toBe(400);
  } finally {
    await server.stop();
  }
});

test('the host changes the model, and the room answers with the new one', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  await openDonor(lab, server.url, chat, cpu);
  await waitForStages(chat.page, 1);
  expect((await ask(chat.page, questionOf(first.prompt))).ids).toEqual(first.ids);
  await chat.page.getByTestId('settings').locator('summary').click();
  await chat.page.getByTestId('setting-model').fill('/models/storyteller-1.7m-q4_0.gguf');
  await chat.page.getByTestId('setting-save').click();
  await expect.poll(async () => (await readView(chat.page)).room!.plan?.modelUrl).toContain('q4_0');
  const expected = expectedAnswers.find(({ file, prompt }) => file.includes('q4_0') && prompt === first.prompt)!;
  expect((await ask(chat.page, questionOf(first.prompt))).ids).toEqual(expected.ids);
});

test('activations cross in 16 bits when the room says so, and the story is still told', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false }, { wireDtype: 'f16' });
  await openDonors(lab, server.url, chat, [4, 4], cpu);
  await waitForStages(chat.page, 2);
  const answer = await ask(chat.page, questionOf(first.prompt));
  expect(answer.ids.slice(0, 12)).toEqual(first.ids.slice(0, 12));
  expect(answer.ids).toHaveLength(64);
});
