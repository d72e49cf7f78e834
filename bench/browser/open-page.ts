import type { Browser, Page } from 'playwright';
import type { ViteDevServer } from 'vite';

/** Opens a page of bench/pages and waits until its script has put its functions on `globalThis.page`. */
export async function openPage(browser: Browser, server: ViteDevServer, name: string): Promise<Page> {
  const url = await pageUrl(server, name);
  const page = await browser.newPage();
  page.on('pageerror', (error) => process.stderr.write(`${name}: ${error.message}\n`));
  await page.goto(url);
  await page.waitForFunction(() => 'page' in globalThis);
  return page;
}

/** Where the server, which listens from now on, has a page of bench/pages. */
export async function pageUrl(server: ViteDevServer, name: string): Promise<string> {
  if (!server.httpServer!.listening) await server.listen();
  return new URL(`/bench/pages/${name}.html`, server.resolvedUrls!.local[0]).href;
}
