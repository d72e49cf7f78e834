import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** The request header in which a tab says which device it is. */
const DEVICE_HEADER = 'x-edgeshard-device';

/** One line of the log; what is not known is null. */
export interface ModelRequestLine {
  path: string;
  status: number;
  /** Bytes [start, end) that were answered with. */
  start: number | null;
  end: number | null;
  /** How many of them were handed to the connection before the response ended or broke off. */
  bytesSent: number;
  device: string | null;
}

/** Writes one line when a model's response is over, however it ended. */
export function logModelRequest(log: Logger, path: string, req: IncomingMessage, res: ServerResponse): void {
  const bytesBefore = req.socket.bytesWritten;
  res.once('close', () => {
    const bodyBytes = req.method === 'HEAD' || res.statusCode >= 300 ? 0 : Number(res.getHeader('content-length') ?? 0);
    const range = /^bytes (\d+)-(\d+)\//.exec(String(res.getHeader('content-range') ?? ''));
    const line: ModelRequestLine = {
      path,
      status: res.statusCode,
      start: range ? Number(range[1]) : null,
      end: range ? Number(range[2]) + 1 : null,
      bytesSent: res.writableFinished ? bodyBytes : Math.min(bodyBytes, req.socket.bytesWritten - bytesBefore),
      device: shortText(req.headers[DEVICE_HEADER], 40),
    };
    log.info(line, 'model request');
  });
}

/** What a stranger wrote, fit for a log: printable, short, and on one line; null when nothing is left. */
export function shortText(header: string | string[] | undefined, maxLength: number): string | null {
  const text = (Array.isArray(header) ? header.join(',') : (header ?? '')).replace(/[^\w .,:=()/-]/g, '').slice(0, maxLength);
  return text === '' ? null : text;
}
