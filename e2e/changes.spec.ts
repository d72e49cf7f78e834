import { expect, type Page } from '@playwright/test';
import { expectedAnswers, questionOf } from './references.ts';
import { test } from './room-test.ts';
import {
  ask,
  createRoom,
  lendBytes,
  openDonor,
  openDonors,
  readView,
  shareBytes,
  type View,
  waitForModel,
  waitForStages,
} from './tabs.ts';

const { prompt, ids } = expectedAnswers.find((one) => one.prompt.includes('a fox') && one.file.includes('q8_0'))!;
const engine = 'webgpu';

test('a donor that joins in mid-answer gets layers and no token is lost or changed', async ({ lab, server }) => {
  // The slowest part decides in this room, so that a further device always helps.
  const chat = await createRoom(lab, server.url, { engine, donate: false }, { objective: 'throughput' });
  const model = (await waitForModel(chat.page)).room!.model!;
  await openDonor(lab, server.url, chat, { engine, name: 'first', lendBytes: shareBytes(model, 8, true) });
  await waitForStages(chat.page, 1);
  const long = { maxTokens: 450, endless: true };
  const alone = await ask(chat.page, questionOf(prompt), long);

  let joining: Promise<Page> | null = null;
  const onText = () => {
    joining ??= openDonor(lab, server.url, chat, { engine, name: 'second', lendBytes: shareBytes(model, 5, true) });
  };
  const shared = await ask(chat.page, questionOf(prompt), { ...long, onText });
  expect(shared.ids).toEqual(alone.ids);
  expect(shared.ids).toHaveLength(450);
  expect(shared.epochs.length, 'plans that were active during the answer').toBeGreaterThan(1);
  const served = (await readView((await joining)!)).self.tokensServed;
  expect(served, 'the joiner computed a part of this answer').toBeGreaterThan(0);
});

test('a device that stops taking part in mid-answer hands its layers over and no token is lost or changed', async ({
  lab,
  server,
}) => {
  const chat = await createRoom(lab, server.url, { engine });
  const model = (await waitForModel(chat.page)).room!.model!;
  // At first too small to take over anything.
  const other = await openDonor(lab, server.url, chat, {
    engine,
    name: 'other',
    lendBytes: shareBytes(model, 1, false) - 1,
  });
  const { selfId } = await waitForStages(chat.page, 1);
  await expect.poll(async () => (await readView(other)).self.engine).toBe(engine);
  const long = { maxTokens: 450, endless: true };
  const alone = await ask(chat.page, questionOf(prompt), long);
  expect((await readView(other)).self.tokensServed).toBe(0);

  let handingOver: Promise<void> | null = null;
  const handOver = async () => {
    await lendBytes(other, shareBytes(model, 8, true));
    await expect.poll(async () => lentBy(await readView(chat.page), 'other')).toBe(shareBytes(model, 8, true));
    await chat.page.getByTestId('donate-switch').uncheck();
  };
  const onText = () => {
    handingOver ??= handOver();
  };
  const handedOver = await ask(chat.page, questionOf(prompt), { ...long, onText });
  await handingOver;
  expect(handedOver.ids).toEqual(alone.ids);
  const { stages } = (await readView(chat.page)).room!.plan!;
  expect(stages.map(({ peerId }) => peerId)).not.toContain(selfId);
  expect((await readView(other)).self.tokensServed).toBeGreaterThan(0);
});

function lentBy({ room }: View, name: string): number | undefined {
  return room?.peers.find((peer) => peer.name === name)?.profile?.lendBytes;
}

test('a donor that leaves in mid-answer costs no token where another device can take over', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  const donors = await openDonors(lab, server.url, chat, [4, 4], { engine: 'cpu' });
  await waitForStages(chat.page, 2);
  const long = { maxTokens: 300, endless: true };
  const alone = await ask(chat.page, questionOf(prompt), long);
  const model = (await readView(chat.page)).room!.model!;
  // It could serve alone, and sooner than the two: it lends nothing worth having until it is needed.
  const spare = await openDonor(lab, server.url, chat, { engine: 'cpu', name: 'spare', lendBytes: 1000 });
  await expect.poll(async () => lentBy(await readView(chat.page), 'spare')).toBe(1000);

  let takingOver: Promise<void> | null = null;
  const takeOver = async () => {
    await donors[1]!.close();
    await lendBytes(spare, shareBytes(model, 8, true));
  };
  const onText = () => {
    takingOver ??= takeOver();
  };
  const answer = await ask(chat.page, questionOf(prompt), { ...long, onText });
  await takingOver;
  expect(answer.ids).toEqual(alone.ids);
  expect(answer.interruptions.map(({ code }) => code)).toEqual(['peer-lost']);
});

test('a donor that leaves where nothing can replace it ends the answer with a clear line, and the room answers again', async ({
  lab,
  server,
}) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  const donors = await openDonors(lab, server.url, chat, [4, 4], { engine: 'cpu' });
  await waitForStages(chat.page, 2);
  const onText = () => void donors[1]!.close();
  await expect(ask(chat.page, questionOf(prompt), { maxTokens: 400, endless: true, onText })).rejects.toThrow(
    /peer-lost: donor 2 left in mid-answer/,
  );
  await expect.poll(async () => (await readView(chat.page)).room!.problem?.code).toBe('does-not-fit');
  await openDonor(lab, server.url, chat, { engine: 'cpu', name: 'donor 3', lendBytes: 10_000_000 });
  await expect.poll(async () => (await readView(chat.page)).room!.plan?.why ?? null).not.toBeNull();
  expect((await ask(chat.page, questionOf(prompt))).ids).toEqual(ids);
});
