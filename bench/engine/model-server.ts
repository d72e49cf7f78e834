import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveModel } from '../../signaling-server/model-files.ts';

/** Serves a folder's models by ranges to pages of any origin: what Vite's own server cannot, which mistakes some ranges. */
export async function startModelServer(folder: string): Promise<{ url(file: string): string; close(): void }> {
  const server = createServer(async (req, res) => {
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Access-Control-Allow-Headers', '*');
    res.setHeader('Access-Control-Expose-Headers', '*');
    if (req.method === 'OPTIONS') res.writeHead(204).end();
    else if (!(await serveModel(req.url!.slice(1), [folder], req, res))) res.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: (file) => `http://127.0.0.1:${port}/${file}`, close: () => server.close() };
}
