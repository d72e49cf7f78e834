import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright';

/** Most memory that the browser's renderers and its GPU process ever held, bytes; null where the system does not say. */
export async function peakBytes(browser: Browser): Promise<number | null> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const peaks = processInfo.filter(({ type }) => /gpu|renderer/i.test(type)).map(({ id }) => peakOf(id));
  return (await Promise.all(peaks)).reduce(
    (sum, peak) => (sum === null || peak === null ? null : sum + peak),
    0 as number | null,
  );
}

async function peakOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const peakKb = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return peakKb === undefined ? null : Number(peakKb) * 1024;
}
