import { expect } from '@playwright/test';
import type { Browser } from 'playwright';
import { launchBrowser } from './browser.ts';
import { type Hosts, makeHosts } from './hosts.ts';
import { expectedAnswers, questionOf } from './references.ts';
import { startOtherServer, test } from './room-test.ts';
import type { Server } from './server.ts';
import { ask, createRoom, openDonor, readView, waitForStages } from './tabs.ts';

const { prompt, ids } = expectedAnswers.find((one) => one.file.includes('q8_0'))!;
/** What users run: no media permission, so that Chromium hides addresses behind mDNS names. */
const tab = { engine: 'cpu', grantMedia: false };

let hosts: Hosts;
let server: Server;
let browsers: Browser[];

test.beforeEach(async () => {
  hosts = makeHosts();
});

test.afterEach(async () => {
  for (const browser of browsers) await browser.close();
  await server.stop();
  hosts.remove();
});

async function start(args: readonly string[]): Promise<string[]> {
  server = await startOtherServer(['--host', '0.0.0.0', ...args], hosts.onServer);
  const urls = hosts.devices.map(({ serverAddress }) => `http://${serverAddress}:${server.port}`);
  browsers = await Promise.all(
    hosts.devices.map(({ browserPath }, i) =>
      // Stands in for the certificate of the address that phones open.
      launchBrowser({ executablePath: browserPath, args: [`--unsafely-treat-insecure-origin-as-secure=${urls[i]}`] }),
    ),
  );
  return urls;
}

test("two devices that hide their addresses find each other through the server's STUN", async () => {
  const [chatUrl, donorUrl] = await start([]);
  const chat = await createRoom(browsers[0]!, chatUrl!, { ...tab, donate: false });
  await openDonor(browsers[1]!, donorUrl!, chat, tab);
  await waitForStages(chat.page, 1);
  expect((await ask(chat.page, questionOf(prompt))).ids).toEqual(ids);
});

test('where no link can be made, both pages name the likely cause and the fix', async () => {
  // Nobody answers on the discard port, so that no address is found.
  const [chatUrl, donorUrl] = await start(['--ice', 'stun:10.77.1.1:9']);
  const chat = await createRoom(browsers[0]!, chatUrl!, { ...tab, donate: false });
  const donor = await openDonor(browsers[1]!, donorUrl!, chat, tab);
  for (const page of [chat.page, donor]) {
    await expect.poll(async () => (await readView(page)).links[0]?.state).toBe('failed');
    expect((await readView(page)).links[0]!.advice!.code).toBe('no-way-through');
    await expect(page.getByTestId('link-advice').first()).toContainText('Wi-Fi');
  }
  await expect.poll(async () => (await readView(chat.page)).room!.problem?.code).toBe('no-path');
});
