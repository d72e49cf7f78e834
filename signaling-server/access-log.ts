import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** The request header in which a tab says which device it is. */
const DEVICE_HEADER = 'x-edgeshard-device';

/** One line of the log; what is not known is null. */
export interface ModelRequestLine {
  /** File name. */
  model: string;
  /** The Range header as it was asked, `bytes=0-99`. */
  range: string | null;
  status: number;
  /** Bytes of the model that were handed to the connection before the response ended or broke off. */
  bytes: number;
  device: string | null;
}

/** Writes one line when a model's response is over, however it ended. */
export function logModelRequest(log: Logger, model: string, req: IncomingMessage, res: ServerResponse): void {
  const writtenBefore = req.socket.bytesWritten;
  res.once('close', () => {
    const bodyBytes = req.method === 'HEAD' || res.statusCode >= 300 ? 0 : Number(res.getHeader('content-length') ?? 0);
    const line: ModelRequestLine = {
      model,
      range: shortText(req.headers.range, 60),
      status: res.statusCode,
      bytes: res.writableFinished ? bodyBytes : Math.min(bodyBytes, req.socket.bytesWritten - writtenBefore),
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
