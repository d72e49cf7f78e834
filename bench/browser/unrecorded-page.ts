import type { Browser, CDPSession } from 'playwright';

interface Answer {
  id?: number;
  error?: { message: string };
  result?: { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string }; text: string } };
}

const READY_TIMEOUT_MS = 60_000;
const READY_INTERVAL_MS = 50;

/**
 * A page that Playwright leaves alone. In its own pages it has the browser record what the network brings: up to 20 MB of
 * every answer stay in the page's process, and would count as if loading had taken them.
 */
export class UnrecordedPage {
  private readonly browser: CDPSession;
  private readonly targetId: string;
  private readonly sessionId: string;
  private lastId = 0;

  private constructor(browser: CDPSession, targetId: string, sessionId: string) {
    this.browser = browser;
    this.targetId = targetId;
    this.sessionId = sessionId;
  }

  /** Opens it with the browser's own profile, and waits until its script has put its functions on `globalThis.page`. */
  static async open(browser: Browser, url: string): Promise<UnrecordedPage> {
    const session = await browser.newBrowserCDPSession();
    const { targetId } = await session.send('Target.createTarget', { url });
    const { sessionId } = await session.send('Target.attachToTarget', { targetId });
    const page = new UnrecordedPage(session, targetId, sessionId);
    await page.ready(url);
    return page;
  }

  /** What a script's promise resolves with. @throws Error what it rejects with */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, error } = await this.ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    const thrown = result?.exceptionDetails;
    if (error || thrown) throw new Error(error?.message ?? thrown?.exception?.description ?? thrown?.text);
    return result!.result.value as T;
  }

  async close(): Promise<void> {
    await this.browser.send('Target.closeTarget', { targetId: this.targetId });
    await this.browser.detach();
  }

  private async ready(url: string): Promise<void> {
    const untilMs = performance.now() + READY_TIMEOUT_MS;
    // Until the document is there, no script runs in it.
    while (!(await this.evaluate<boolean>("'page' in globalThis").catch(() => false))) {
      if (performance.now() > untilMs) throw new Error(`${url} was not ready after ${READY_TIMEOUT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
    }
  }

  private ask(method: string, params: object): Promise<Answer> {
    const id = ++this.lastId;
    const { browser, sessionId } = this;
    return new Promise((resolve, reject) => {
      const listen = (event: { sessionId: string; message: string }) => {
        const answer = JSON.parse(event.message) as Answer;
        if (event.sessionId !== sessionId || answer.id !== id) return;
        browser.off('Target.receivedMessageFromTarget', listen);
        resolve(answer);
      };
      browser.on('Target.receivedMessageFromTarget', listen);
      browser.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) }).catch(reject);
    });
  }
}
