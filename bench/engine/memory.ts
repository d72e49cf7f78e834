import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright';

/** How often memory is looked at, ms: what lives shorter is not seen. */
const LOOK_INTERVAL_MS = 15;

/**
 * Follows the memory of a browser's renderers and its GPU process; pages that they share count once. Pages of files (the
 * browser's own program) do not count: their share grows whenever another browser on the machine closes.
 */
export class MemoryWatch {
  private peak = 0;
  private last = 0;
  private stopped = false;
  private readonly pids: readonly number[];
  private readonly watching: Promise<void>;

  private constructor(pids: readonly number[]) {
    this.pids = pids;
    this.watching = this.watch();
  }

  /** @throws Error where the system does not say */
  static async start(browser: Browser): Promise<MemoryWatch> {
    const watch = new MemoryWatch(await pageProcesses(browser));
    await watch.look();
    return watch;
  }

  get peakBytes(): number {
    return this.peak;
  }

  forgetPeak(): void {
    this.peak = this.last;
  }

  /** The least that was held within `ms` from now: garbage has gone by then. */
  async settled(ms: number): Promise<number> {
    const untilMs = performance.now() + ms;
    let least = this.last;
    while (performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
      least = Math.min(least, this.last);
    }
    return least;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      await this.look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
    }
  }

  private async look(): Promise<void> {
    const sizes = await Promise.all(this.pids.map(proportionalBytes));
    this.last = sizes.reduce((sum, size) => sum + size, 0);
    this.peak = Math.max(this.peak, this.last);
  }
}

async function proportionalBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const part = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)![1]);
  return part('Pss_Anon') + part('Pss_Shmem');
}

async function pageProcesses(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter(({ type }) => /gpu|renderer/i.test(type)).map(({ id }) => id);
}

/** Most memory that the browser's renderers and its GPU process ever held, bytes; null where the system does not say. */
export async function peakBytes(browser: Browser): Promise<number | null> {
  const peaks = await Promise.all((await pageProcesses(browser)).map(peakOf));
  return peaks.reduce((sum, peak) => (sum === null || peak === null ? null : sum + peak), 0 as number | null);
}

async function peakOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const peakKb = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return peakKb === undefined ? null : Number(peakKb) * 1024;
}
