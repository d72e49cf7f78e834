import type { Browser } from 'playwright';
import type { ViteDevServer } from 'vite';
import { launchBrowser } from '../../e2e/browser.ts';
import type { Bar } from '../bar-line.ts';
import { pageUrl } from '../browser/open-page.ts';
import { UnrecordedPage } from '../browser/unrecorded-page.ts';
import type { LoadStep } from '../pages/load-worker.ts';
import { MemoryWatch } from './memory.ts';
import { startModelServer } from './model-server.ts';
import { MODEL_FOLDER, modelUrl } from './models.ts';

/** Layers and a head of 300 MB in all, the largest tensor of 70 MB. */
export const SHARD = 'shard-q8_0';
const PEAK_LIMIT_MB = 64;
/** How much of an unloaded shard may stay, for the browser's own use. */
const RETURNED_SHARE = 0.9;
const SETTLE_MS = 2000;

/** What loading a shard takes beyond the shard itself, from the network and from this device's store, and what unloading gives back. */
export async function loadPeakBars(server: ViteDevServer): Promise<Bar[]> {
  await modelUrl(SHARD);
  const models = await startModelServer(MODEL_FOLDER);
  try {
    return await everyEngine(server, models.url(`${SHARD}.gguf`));
  } finally {
    models.close();
  }
}

async function everyEngine(server: ViteDevServer, url: string): Promise<Bar[]> {
  const bars: Bar[] = [];
  for (const variant of ['webgpu', 'cpu']) {
    const browser = await launchBrowser();
    try {
      bars.push(...(await measure(browser, server, url, variant)));
    } finally {
      await browser.close();
    }
  }
  return bars;
}

async function measure(browser: Browser, server: ViteDevServer, url: string, variant: string): Promise<Bar[]> {
  const address = await pageUrl(server, 'load');
  const fromNetwork = await loadOnce(browser, address, url, variant);
  // A further page of the same browser: what the first one downloaded lies in their store.
  const fromStore = await loadOnce(browser, address, url, variant);
  const peak = (name: string, { extraMb, note }: Loaded): Bar => ({
    name: `load-peak ${variant} from ${name}`,
    figure: extraMb,
    limit: PEAK_LIMIT_MB,
    sense: '<=',
    unit: 'MB',
    note,
  });
  const bars = [peak('network', fromNetwork), peak('store', fromStore)];
  // What WebAssembly has grown to stays with its engine, free for the next layers.
  if (variant !== 'webgpu') return bars;
  const returned = Math.min(fromNetwork.returnedShare, fromStore.returnedShare);
  return [...bars, { name: 'unload-returns webgpu', figure: returned, limit: RETURNED_SHARE, sense: '>=' }];
}

interface Loaded {
  extraMb: number;
  returnedShare: number;
  note: string;
}

async function loadOnce(browser: Browser, address: string, url: string, variant: string): Promise<Loaded> {
  const page = await UnrecordedPage.open(browser, address);
  await step(page, { kind: 'open', url, variant });
  const watch = await MemoryWatch.start(browser);
  const idleBytes = await watch.settled(SETTLE_MS);
  watch.forgetPeak();
  const shardBytes = await step(page, { kind: 'load' });
  const peakBytes = watch.peakBytes;
  const loadedBytes = await watch.settled(SETTLE_MS);
  await step(page, { kind: 'unload' });
  const unloadedBytes = await watch.settled(SETTLE_MS);
  await watch.stop();
  await page.close();
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  return {
    extraMb: (peakBytes - idleBytes - shardBytes) / 1e6,
    returnedShare: (loadedBytes - unloadedBytes) / shardBytes,
    note: `shard ${mb(shardBytes)}, idle ${mb(idleBytes)}, peak ${mb(peakBytes)}, loaded ${mb(loadedBytes)}, unloaded ${mb(unloadedBytes)} MB`,
  };
}

function step(page: UnrecordedPage, request: LoadStep): Promise<number> {
  return page.evaluate(`page.step(${JSON.stringify(request)})`);
}
