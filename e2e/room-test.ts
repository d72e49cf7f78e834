import { fileURLToPath } from 'node:url';
import { test as base } from '@playwright/test';
import type { Browser } from 'playwright';
import { launchBrowser } from './browser.ts';
import { type Server, startServer } from './server.ts';
import { closeTabs } from './tabs.ts';

const serverFile = fileURLToPath(new URL('../dist/node/server.js', import.meta.url));
const modelsFolder = fileURLToPath(new URL('./fixtures/models', import.meta.url));

interface Lab {
  /** Our own server, with all four files of the demo model. */
  server: Server;
  /** Chromium with a software GPU; each tab gets a context of its own. */
  lab: Browser;
}

/** A test with a server and a browser, which all tests of a file share. Tabs that a test leaves open are closed after it. */
export const test = base.extend<{ cleanTabs: undefined }, Lab>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
    async ({}, use) => {
      const server = await startServer(serverFile, ['--models', modelsFolder]);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  lab: [
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    async ({}, use) => {
      const browser = await launchBrowser();
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],
  cleanTabs: [
    async ({ lab }, use) => {
      await use(undefined);
      await closeTabs(lab);
    },
    { auto: true },
  ],
});

export function startOtherServer(args: readonly string[], runner?: readonly string[]): Promise<Server> {
  return startServer(serverFile, args, runner);
}
