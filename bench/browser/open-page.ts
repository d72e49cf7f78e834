import type { Browser, Page } from 'playwright';
import type { ViteDevServer } from 'vite';

/** Opens a page of bench/pages and waits until its script has put its functions on `globalThis.page`. */
export async function openPage(browser: Browser, server: ViteDevServer, name: string): Promise<Page> {
  if (!server.httpServer!.listening) await server.listen();
  const page = await browser.newPage();
  page.on('pageerror', (error) => process.stderr.write(`${name}: ${error.message}\n`));
  await page.goto(new URL(`/bench/pages/${name}.html`, server.resolvedUrls!.local[0]).href);
  await page.waitForFunction(() => 'page' in globalThis);
  return page;
}
