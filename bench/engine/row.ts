import type { Browser, Page } from 'playwright';
import type { ViteDevServer } from 'vite';
import { launchBrowser } from '../../e2e/browser.ts';
import { openPage } from '../browser/open-page.ts';
import { type Contestant, median, type Timed } from './contestant.ts';
import { peakBytes } from './memory.ts';

/** A row of the comparison: an engine, one of its back ends, in a browser of its own. */
export interface Entry {
  title: string;
  page: 'ours' | 'ort' | 'wllama';
  variant: string;
  /** Tokens per sample; few where one takes seconds. */
  steps: number;
}

export const ENTRIES: readonly Entry[] = [
  { title: 'ours, WebGPU', page: 'ours', variant: 'webgpu', steps: 8 },
  { title: 'ours, CPU, 1 thread', page: 'ours', variant: 'cpu 1 thread', steps: 8 },
  { title: 'ours, CPU, threads', page: 'ours', variant: 'cpu threads', steps: 8 },
  { title: 'onnxruntime-web, WebGPU', page: 'ort', variant: 'webgpu', steps: 2 },
  { title: 'wllama, WASM, 1 thread', page: 'wllama', variant: 'wasm 1 thread', steps: 8 },
  { title: 'wllama, WASM, threads', page: 'wllama', variant: 'wasm threads', steps: 8 },
  { title: 'wllama, WebGPU', page: 'wllama', variant: 'webgpu', steps: 8 },
];

export const CONTEXTS = [16, 256] as const;
export const PREFILLS = [32, 128] as const;

/** What a row measured; medians of the rounds. */
export interface Row {
  title: string;
  backend: string;
  loadMs: number;
  /** ms per token, by context. */
  decodeMs: Record<number, number>;
  /** Tokens per second, by length. */
  prefillPerSecond: Record<number, number>;
  encodeMs: number | null;
  overheadMs: number | null;
  peakBytes: number | null;
  /** What it expects next after each prefill and while it decodes, for comparing engines. */
  ids: { prefill: Record<number, number[]>; decode: Record<number, number[]> };
  profile: { engine: string; decodeMs: number } | null;
}

/** An engine that has loaded a model and is measured now and then, in turn with others. */
export class RunningRow {
  private readonly decodes = new Map<number, Timed[]>();
  private readonly prefills = new Map<number, Timed[]>();
  readonly entry: Entry;
  private readonly browser: Browser;
  private readonly page: Page;
  private readonly loaded: { backend: string; loadMs: number };

  private constructor(entry: Entry, browser: Browser, page: Page, loaded: { backend: string; loadMs: number }) {
    this.entry = entry;
    this.browser = browser;
    this.page = page;
    this.loaded = loaded;
  }

  /** @throws Error when the engine does not run here, or something else than its label says */
  static async start(entry: Entry, server: ViteDevServer, url: string): Promise<RunningRow> {
    const browser = await launchBrowser();
    try {
      const page = await openPage(browser, server, entry.page);
      const loaded = await call(page, 'load', url, entry.variant);
      const wanted = entry.variant === 'webgpu' ? 'webgpu:' : 'cpu:';
      if (!loaded.backend.startsWith(wanted)) throw new Error(`${entry.title} ran on ${loaded.backend}`);
      return new RunningRow(entry, browser, page, loaded);
    } catch (thrown) {
      await browser.close();
      throw thrown;
    }
  }

  async round(): Promise<void> {
    for (const count of PREFILLS) append(this.prefills, count, await call(this.page, 'prefill', count));
    for (const context of CONTEXTS) append(this.decodes, context, await call(this.page, 'decode', context, this.entry.steps));
  }

  async result(): Promise<Row> {
    const decodes = [...this.decodes];
    const own = decodes.find(([context]) => context === CONTEXTS[0])![1];
    const profile = this.entry.page === 'ours' ? await call(this.page, 'profile') : null;
    return {
      title: this.entry.title,
      ...this.loaded,
      decodeMs: Object.fromEntries(decodes.map(([context, samples]) => [context, medianOf(samples, ({ ms }) => ms)!])),
      prefillPerSecond: Object.fromEntries(
        [...this.prefills].map(([count, samples]) => [count, medianOf(samples, (one) => (1000 * one.count) / one.ms)!]),
      ),
      encodeMs: medianOf(own, ({ encodeMs }) => encodeMs),
      overheadMs: medianOf(own, ({ overheadMs }) => overheadMs),
      peakBytes: await peakBytes(this.browser),
      ids: { prefill: idsOf(this.prefills), decode: idsOf(this.decodes) },
      profile,
    };
  }

  async stop(): Promise<void> {
    await this.browser.close();
  }
}

type Result<M extends keyof Contestant> = Awaited<ReturnType<NonNullable<Contestant[M]>>>;

function call<M extends keyof Contestant>(
  page: Page,
  method: M,
  ...args: Parameters<NonNullable<Contestant[M]>>
): Promise<Result<M>> {
  const run = ([name, some]: [string, unknown[]]) =>
    (globalThis as unknown as { page: Record<string, (...all: unknown[]) => unknown> }).page[name]!(...some);
  return page.evaluate(run, [method, args] as [string, unknown[]]) as Promise<Result<M>>;
}

function append(samples: Map<number, Timed[]>, key: number, sample: Timed): void {
  samples.set(key, [...(samples.get(key) ?? []), sample]);
}

function medianOf(samples: readonly Timed[], pick: (sample: Timed) => number | undefined): number | null {
  const values = samples.map(pick).filter((value) => value !== undefined);
  return values.length > 0 ? median(values) : null;
}

function idsOf(samples: Map<number, Timed[]>): Record<number, number[]> {
  return Object.fromEntries([...samples].map(([key, all]) => [key, all[0]!.ids]));
}
