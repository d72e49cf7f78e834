import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ByteSource } from '../../src/gguf/byte-source.ts';

export interface RangeServer {
  /** Of a file by its name. */
  urlOf(name: string): string;
  /** Bytes of files that each client has been sent, by what it calls itself. */
  sentBytes: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** How a client calls itself in its requests. */
export const CLIENT_HEADER = 'x-walk-client';

/** Made at a time, bytes: no range is ever in memory as a whole. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Serves ranges of files that are nowhere: their bytes are made as they are sent. Without a validator, so that browsers do
 * not keep what is cheap to make again.
 */
export async function startRangeServer(files: ReadonlyMap<string, ByteSource>): Promise<RangeServer> {
  const sentBytes = new Map<string, number>();
  const count = (client: string, bytes: number) => sentBytes.set(client, (sentBytes.get(client) ?? 0) + bytes);
  const server = createServer((request, response) => {
    answer(files, request, response, count).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (name) => `http://127.0.0.1:${port}/${name}`,
    sentBytes,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(
  files: ReadonlyMap<string, ByteSource>,
  request: IncomingMessage,
  response: ServerResponse,
  count: (client: string, bytes: number) => void,
): Promise<void> {
  allowPages(response);
  const file = files.get((request.url ?? '').slice(1));
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const [start, end] = [Number(first), Number(last) + 1];
  if (request.method === 'OPTIONS') return endWith(response, 204);
  if (!file) return endWith(response, 404);
  if (!(start < end && end <= file.size)) return endWith(response, 416);
  response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${file.size}`, 'content-length': end - start });
  const client = String(request.headers[CLIENT_HEADER] ?? 'unknown');
  await pipeline(Readable.from(pieces(file, start, end, (bytes) => count(client, bytes))), response);
}

async function* pieces(file: ByteSource, start: number, end: number, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += PIECE_BYTES) {
    const piece = await file.read(at, Math.min(end, at + PIECE_BYTES));
    count(piece.length);
    yield piece;
  }
}

function allowPages(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('access-control-allow-headers', '*');
  response.setHeader('access-control-expose-headers', 'content-range');
}

function endWith(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}
