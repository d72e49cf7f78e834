import { expect } from '@playwright/test';
import { expectedAnswers, questionOf } from './references.ts';
import { startOtherServer, test } from './room-test.ts';
import { ask, createRoom, openChat, openDonors, readView, waitForStages } from './tabs.ts';

const { prompt, ids } = expectedAnswers.find((one) => one.file.includes('q8_0') && one.ids.length === 64)!;
const long = { maxTokens: 400, endless: true };

for (const transport of [['--transports', 'polling'], []]) {
  const [over, tag] = transport.length > 0 ? ['polling', []] : ['websocket', '@long'];

  test(`a server that is killed and comes back in mid-answer costs no token, over ${over}`, { tag }, async ({ lab }) => {
    const first = await startOtherServer(transport);
    const chat = await createRoom(lab, first.url, { engine: 'cpu', donate: false });
    const donors = await openDonors(lab, first.url, chat, [4, 4], { engine: 'cpu' });
    await waitForStages(chat.page, 2);
    const alone = await ask(chat.page, questionOf(prompt), long);
    const tabs = [chat.page, ...donors];
    const idsBefore = await Promise.all(tabs.map(async (tab) => (await readView(tab)).selfId));

    let killing: Promise<void> | null = null;
    const onText = () => {
      killing ??= first.kill();
    };
    const answering = ask(chat.page, questionOf(prompt), { ...long, onText });
    await expect.poll(async () => (await readView(chat.page)).phase, { timeout: 30_000 }).toBe('reconnecting');
    await expect(chat.page.getByTestId('notice')).toBeVisible();
    await killing;
    const again = await startOtherServer([...transport, '--port', `${first.port}`]);
    try {
      expect((await answering).ids).toEqual(alone.ids);
      for (const [i, tab] of tabs.entries()) {
        await expect.poll(async () => (await readView(tab)).phase, { timeout: 30_000 }).toBe('joined');
        expect((await readView(tab)).selfId).toBe(idsBefore[i]);
      }
      const { room, isHost, error } = await readView(chat.page);
      expect([room!.code, isHost, error]).toEqual([chat.code, true, null]);
      expect((await ask(chat.page, questionOf(prompt))).ids).toEqual(ids);
      // The room is there for others too: its link is the same, and it plans.
      const guest = await openChat(lab, again.url, chat, { engine: 'cpu', donate: false });
      await waitForStages(guest, 2);
      expect((await ask(guest, questionOf(prompt))).ids).toEqual(ids);
    } finally {
      await again.stop();
    }
  });
}

test('a tab that loses the server in mid-answer keeps its place, and the answer goes on', async ({ lab }) => {
  // Offline, a browser keeps the websocket that it has.
  const server = await startOtherServer(['--transports', 'polling']);
  try {
    const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
    await openDonors(lab, server.url, chat, [4, 4], { engine: 'cpu' });
    const before = await waitForStages(chat.page, 2);
    const alone = await ask(chat.page, questionOf(prompt), long);
    let losing: Promise<void> | null = null;
    const onText = () => {
      losing ??= chat.page.context().setOffline(true);
    };
    const answering = ask(chat.page, questionOf(prompt), { ...long, onText });
    await expect.poll(async () => (await readView(chat.page)).phase).toBe('reconnecting');
    await losing;
    await chat.page.context().setOffline(false);
    expect((await answering).ids).toEqual(alone.ids);
    await expect.poll(async () => (await readView(chat.page)).phase).toBe('joined');
    expect((await readView(chat.page)).selfId).toBe(before.selfId);
  } finally {
    await server.stop();
  }
});
