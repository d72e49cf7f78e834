import type { Browser, Page } from 'playwright';
import type { ViteDevServer } from 'vite';
import { launchBrowser } from '../e2e/browser.ts';
import type { SignalData } from '../src/shared/protocol/signaling.ts';
import { barLine } from './bar-line.ts';
import { pageUrl } from './browser/open-page.ts';
import type { HopTab } from './hop/tab.ts';
import { table } from './table.ts';

const WARM_UP = 100;
const TOKENS = 500;
const SIZES = [4096, 16_384];
const LIMIT_MS = 2;

/**
 * `npm run bench:hop`: what a token pays for going from one device to the next, beyond computing and beyond the network. Two tabs
 * of one Chromium are linked by loopback. A token is one frame from the pipeline worker of one tab to that of the other, which
 * sends it back as it is: worker, port, main thread, data channel, main thread, port, worker, encoded and decoded as in an answer,
 * and nothing is computed. A hop is from the sender's `sendFrame` to the receiver's `receiveFrame`: half of such a round trip, as
 * two tabs have no clock in common. One token after the other, as in an answer; the median of 500.
 */
export async function main(_args: string[], server: ViteDevServer): Promise<void> {
  const browser = await launchBrowser({ webGpu: false });
  try {
    const tab = await openLinkedTab(browser, server);
    const rows = [['message', 'round trip ms p50', 'hop ms p50', 'hop ms p95']];
    const medians = new Map<number, number>();
    for (const bytes of SIZES) {
      await timeRoundTrips(tab, bytes, WARM_UP);
      const times = (await timeRoundTrips(tab, bytes, TOKENS)).sort((a, b) => a - b);
      const [p50, p95] = [times[TOKENS / 2]!, times[0.95 * TOKENS]!];
      medians.set(bytes, p50 / 2);
      rows.push([`${bytes / 1024} KB`, ...[p50, p50 / 2, p95 / 2].map((ms) => ms.toFixed(2))]);
    }
    process.stdout.write(`${table(rows)}\n`);
    const bar = { name: 'hop-cost', figure: medians.get(SIZES[0]!)!, limit: LIMIT_MS, sense: '<=', unit: 'ms' } as const;
    process.stdout.write(`${barLine(bar)}\n`);
  } finally {
    await browser.close();
  }
}

/** Two tabs with a link between them; the first is returned. */
async function openLinkedTab(browser: Browser, server: ViteDevServer): Promise<Page> {
  const url = await pageUrl(server, 'hop');
  const tabs = await Promise.all([1, 2].map(() => openTab(browser)));
  for (const [index, tab] of tabs.entries()) {
    const sendSignal = (to: number, data: SignalData) => hear(tabs[to - 1]!, index + 1, data);
    await tab.exposeFunction('sendSignal', sendSignal);
    await tab.goto(url);
    await tab.waitForFunction(() => 'page' in globalThis);
  }
  await Promise.all(tabs.map((tab, index) => join(tab, index + 1, 2 - index)));
  return tabs[0]!;
}

/** With these permissions a browser offers its addresses as they are. */
async function openTab(browser: Browser): Promise<Page> {
  const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
  page.on('pageerror', (error) => process.stderr.write(`hop: ${error.message}\n`));
  return page;
}

function join(tab: Page, selfId: number, otherId: number): Promise<void> {
  return tab.evaluate(({ selfId, otherId }) => (globalThis as unknown as { page: HopTab }).page.join(selfId, otherId), {
    selfId,
    otherId,
  });
}

function hear(tab: Page, from: number, data: SignalData): Promise<void> {
  return tab.evaluate(({ from, data }) => (globalThis as unknown as { page: HopTab }).page.hear(from, data), { from, data });
}

function timeRoundTrips(tab: Page, bytes: number, count: number): Promise<number[]> {
  return tab.evaluate(({ bytes, count }) => (globalThis as unknown as { page: HopTab }).page.timeRoundTrips(2, bytes, count), {
    bytes,
    count,
  });
}
