import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import sirv from 'sirv';
import { logModelRequest } from './access-log.ts';
import { modelName, serveModel } from './model-files.ts';

/**
 * A model may lie anywhere on the web, so connections go anywhere; code comes only from here. Text that a model wrote is
 * shown as markdown, so images come only from here too: one elsewhere could carry the chat away in its address.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self' http: https: ws: wss: blob:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Together they isolate the page, which then may share memory among threads. Models from elsewhere come with CORS, which
  // satisfies the second; Safari knows no milder value of it.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Pages by path; a room's code after the name is read by the page itself. */
const PAGES: readonly [RegExp, string][] = [
  [/^\/$/, '/home/index.html'],
  [/^\/chat(\/[^/]*)?$/, '/chat/index.html'],
  [/^\/donate(\/[^/]*)?$/, '/donate/index.html'],
];

export interface StaticOptions {
  /** The built pages; models lie in its `models` folder. */
  webDir: string;
  /** A further folder of models, looked into first. */
  modelsDir: string | null;
  log: Logger;
}

/** Serves the built pages and the models. */
export function staticFiles(options: StaticOptions): RequestListener {
  const folders = [...(options.modelsDir ? [options.modelsDir] : []), join(options.webDir, 'models')];
  const pages = sirv(options.webDir, {
    etag: true,
    setHeaders: (res, pathname) => {
      // Names of built assets carry a hash of what is in them.
      res.setHeader('Cache-Control', pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  return (req, res) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
    if (req.method !== 'GET' && req.method !== 'HEAD') return sendText(res, 405, 'only GET and HEAD');
    const pathname = (req.url ?? '/').split('?', 1)[0] ?? '/';
    const name = modelName(pathname);
    if (name) return void serveLoggedModel(name, folders, req, res, options.log);
    const page = PAGES.find(([pattern]) => pattern.test(pathname));
    if (page) req.url = page[1];
    // Pages are small: whole ones only, as this middleware mistakes some ranges.
    delete req.headers.range;
    pages(req, res, () => sendText(res, 404, 'not found'));
  };
}

async function serveLoggedModel(name: string, folders: string[], req: IncomingMessage, res: ServerResponse, log: Logger) {
  logModelRequest(log, name, req, res);
  const isFound = await serveModel(name, folders, req, res).catch(() => false);
  if (!isFound && !res.headersSent) sendText(res, 404, `no model ${name}`);
}

function sendText(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) }).end(text);
}
