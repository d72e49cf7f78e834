import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** One name in the folder: no separator, no leading dot. */
const MODEL_PATH = /^\/models\/([A-Za-z0-9_][\w.+-]*\.gguf)$/;

/** Bytes [start, end], both included, as in a Content-Range. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Reads a Range header (RFC 9110 section 14.1.2).
 *
 * @returns null for no range, or one of several parts or another unit: the whole file is then right; `unsatisfiable`
 * for one that lies outside the file.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | null | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!match || match[0] === 'bytes=-') return null;
  const [, first = '', last = ''] = match;
  if (first === '') {
    const suffixBytes = Number(last);
    if (suffixBytes === 0 || sizeBytes === 0) return 'unsatisfiable';
    return { start: Math.max(0, sizeBytes - suffixBytes), end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < start) return null;
  return start < sizeBytes ? { start, end } : 'unsatisfiable';
}

/** The model's file name if the path asks for one. */
export function modelName(pathname: string): string | null {
  return MODEL_PATH.exec(pathname)?.[1] ?? null;
}

/**
 * Serves one model from the first folder that has it, whole or by range, with an ETag that changes with the file.
 *
 * @returns false when no folder has it.
 */
export async function serveModel(
  name: string,
  folders: readonly string[],
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  const found = await findFile(name, folders);
  if (!found) return false;
  const etag = `"${found.sizeBytes.toString(36)}-${Math.floor(found.modifiedMs).toString(36)}"`;
  res.setHeader('ETag', etag);
  res.setHeader('Accept-Ranges', 'bytes');
  res.setHeader('Content-Type', 'application/octet-stream');
  res.setHeader('Cache-Control', 'no-cache');
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304).end();
    return true;
  }
  // A range of a file that has changed since would be glued to bytes of the old one.
  const ifRange = req.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? parseRange(req.headers.range, found.sizeBytes) : null;
  await sendRange(found, range, req, res);
  return true;
}

interface FoundFile {
  path: string;
  sizeBytes: number;
  modifiedMs: number;
}

async function findFile(name: string, folders: readonly string[]): Promise<FoundFile | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    const stats = await stat(path).catch(() => null);
    if (stats?.isFile()) return { path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
  }
  return null;
}

async function sendRange(
  file: FoundFile,
  range: ByteRange | null | 'unsatisfiable',
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (range === 'unsatisfiable') {
    res.writeHead(416, { 'Content-Range': `bytes */${file.sizeBytes}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.sizeBytes - 1 };
  res.writeHead(range ? 206 : 200, {
    'Content-Length': end - start + 1,
    ...(range ? { 'Content-Range': `bytes ${start}-${end}/${file.sizeBytes}` } : {}),
  });
  if (req.method === 'HEAD' || end < start) {
    res.end();
    return;
  }
  // A tab that goes away in mid-download ends the pipeline with an error that concerns nobody.
  await pipeline(createReadStream(file.path, { start, end }), res).catch(() => res.destroy());
}
