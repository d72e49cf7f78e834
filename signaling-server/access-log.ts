import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** The request header in which a tab says which device it is. */
export const DEVICE_HEADER = 'x-edgeshard-device';

/**
 * Writes one line when a model's response is over, however it ended: which device got how many bytes of which range.
 * `bytes` counts what was handed to the connection.
 */
export function logModelRequest(log: Logger, name: string, req: IncomingMessage, res: ServerResponse): void {
  const bytesBefore = req.socket.bytesWritten;
  res.once('close', () => {
    const isComplete = res.writableFinished;
    const bodyBytes = req.method === 'HEAD' ? 0 : Number(res.getHeader('content-length') ?? 0);
    log.info(
      {
        model: name,
        range: shortText(req.headers.range, 60),
        status: res.statusCode,
        bytes: isComplete ? bodyBytes : Math.min(bodyBytes, req.socket.bytesWritten - bytesBefore),
        device: shortText(req.headers[DEVICE_HEADER], 40),
      },
      'model request',
    );
  });
}

/** What a stranger wrote, fit for a log: printable, short, and on one line; null when there is nothing. */
export function shortText(header: string | string[] | undefined, maxLength: number): string | null {
  const text = (Array.isArray(header) ? header.join(',') : (header ?? '')).replace(/[^\w .,:=()/-]/g, '').slice(0, maxLength);
  return text === '' ? null : text;
}
