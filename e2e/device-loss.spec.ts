import { expect, type Page } from '@playwright/test';
import { expectedAnswers, questionOf } from './references.ts';
import { test } from './room-test.ts';
import { ask, createRoom, openDonors, readView, waitForStages } from './tabs.ts';

const { prompt } = expectedAnswers.find((one) => one.prompt.includes('a fox') && one.file.includes('q8_0'))!;
const engine = 'webgpu';

/** Runs in the pipeline worker ahead of its own code: keeps the graphics devices within the test's reach. */
const KEEP_DEVICES = `{
  const { requestDevice } = GPUAdapter.prototype;
  globalThis.graphicsDevices = [];
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    globalThis.graphicsDevices.push(device);
    return device;
  };
}
`;

test('a donor that loses its graphics device in mid-answer loads its layers from its own store, and no token is lost or changed', async ({
  lab,
  server,
}) => {
  const chat = await createRoom(lab, server.url, { engine, donate: false });
  const donors = await openDonors(lab, server.url, chat, [4, 4], { engine, workerPrologue: KEEP_DEVICES });
  await waitForStages(chat.page, 2);
  const long = { maxTokens: 200, endless: true };
  const alone = await ask(chat.page, questionOf(prompt), long);
  const requestsBefore = (await server.modelRequests()).length;
  const lossSeen = donors[0]!.waitForSelector('[data-testid="error"][data-code="device-lost"]');

  let losing: Promise<void> | null = null;
  const onText = () => {
    losing ??= loseGraphics(donors[0]!);
  };
  const interrupted = await ask(chat.page, questionOf(prompt), { ...long, onText });
  await losing;
  await lossSeen;
  expect(interrupted.ids).toEqual(alone.ids);
  expect(interrupted.ids).toHaveLength(200);
  expect(interrupted.epochs.length, 'plans that were active during the answer').toBeGreaterThan(1);
  expect((await server.modelRequests()).length, 'requests of the model file').toBe(requestsBefore);
  const { self } = await readView(donors[0]!);
  expect(self.engine).toBe(engine);
});

/** As a driver that is reset: every graphics device of the tab ends. */
async function loseGraphics(page: Page): Promise<void> {
  const lost = await Promise.all(
    page.workers().map((worker) =>
      worker.evaluate(() => {
        const { graphicsDevices = [] } = globalThis as { graphicsDevices?: { destroy(): void }[] };
        for (const device of graphicsDevices) device.destroy();
        return graphicsDevices.length;
      }),
    ),
  );
  expect(Math.max(...lost), 'graphics devices that were there to lose').toBeGreaterThan(0);
}
