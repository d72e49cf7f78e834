import { expect, type Page } from '@playwright/test';
import { expectedAnswers, questionOf } from './references.ts';
import { test } from './room-test.ts';
import { ask, createRoom, openDonor, openDonors, readView, shareBytes, waitForModel, waitForStages } from './tabs.ts';

const { prompt, ids } = expectedAnswers.find((one) => one.prompt.includes('a fox') && one.file.includes('q8_0'))!;

/** Runs in the pipeline worker ahead of its own code: once `hangs` is set, no result comes back from the graphics device any more. */
const MAY_HANG = `{
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    return globalThis.hangs ? new Promise(() => {}) : mapAsync.apply(this, args);
  };
}
`;

test('a stage that never answers is found, and the answer goes on without it, token for token', { tag: '@long' }, async ({
  lab,
  server,
}) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  const model = (await waitForModel(chat.page)).room!.model!;
  const long = { maxTokens: 200, endless: true };
  const lends = shareBytes(model, 8, true);
  const donors = new Map<string, Page>();
  for (const name of ['one', 'other']) {
    const tab = { name, lendBytes: lends, engine: 'webgpu', workerPrologue: MAY_HANG };
    donors.set(name, await openDonor(lab, server.url, chat, tab));
  }
  const measured = async () => (await readView(chat.page)).room!.peers.filter(({ profile }) => profile !== null).length;
  await expect.poll(measured).toBe(2);
  await waitForStages(chat.page, 1);
  const alone = await ask(chat.page, questionOf(prompt), long);

  let hanging: Promise<void> | null = null;
  const onText = () => {
    hanging ??= servingName(chat.page).then((name) => hang(donors.get(name)!));
  };
  const answer = await ask(chat.page, questionOf(prompt), { ...long, onText });
  await hanging;
  expect(answer.ids).toEqual(alone.ids);
  expect(answer.interruptions.map(({ code }) => code)).toContain('stage-hung');
});

async function servingName(page: Page): Promise<string> {
  const { room } = await readView(page);
  return room!.peers.find(({ peerId }) => peerId === room!.plan!.stages[0]!.peerId)!.name;
}

async function hang(page: Page): Promise<void> {
  await Promise.all(
    page.workers().map((worker) =>
      worker.evaluate(() => {
        (globalThis as { hangs?: boolean }).hangs = true;
      }),
    ),
  );
}

test('settings that are saved in mid-answer end it with a clear line, and the next one is whole', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  await openDonors(lab, server.url, chat, [4, 4], { engine: 'cpu' });
  await waitForStages(chat.page, 2);
  let saving: Promise<void> | null = null;
  const onText = () => {
    saving ??= saveContext(chat.page, 256);
  };
  await expect(ask(chat.page, questionOf(prompt), { maxTokens: 400, endless: true, onText })).rejects.toThrow(/room-changed/);
  await saving;
  await expect.poll(async () => (await readView(chat.page)).room!.plan?.contextLength).toBe(256);
  expect((await ask(chat.page, questionOf(prompt))).ids).toEqual(ids);
});

async function saveContext(page: Page, contextLength: number): Promise<void> {
  await page.getByTestId('settings').locator('summary').click();
  await page.getByTestId('setting-context').fill(`${contextLength}`);
  await page.getByTestId('setting-save').click();
}
