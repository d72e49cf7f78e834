import { AppError } from '../shared/errors.ts';

/** What the answer to a range request says of the file. */
export interface RangeAnswer {
  /** Size of the whole file in bytes; null when the server does not let this page read it. */
  totalBytes: number | null;
  validator: string | null;
}

/** The server may do better next time: a network failure, or a 5xx answer. */
export class TransientFailure extends Error {}

/**
 * Checks the head of the answer to a request for bytes [start, end) (RFC 9110, section 14).
 *
 * From another origin a page may read `Content-Range` only if the server exposes it. Where it is hidden, status 206 is
 * trusted to mean the range that was asked for, and the length of the body is all that is left to check.
 *
 * @throws AppError model-ignores-ranges, model-unreachable, model-truncated (416); TransientFailure
 */
export function checkRangeAnswer(response: Response, url: string, start: number, end: number): RangeAnswer {
  checkStatus(response, url);
  const validator = response.headers.get('etag') ?? response.headers.get('last-modified');
  const contentRange = response.headers.get('content-range');
  if (contentRange === null) {
    if (response.type === 'cors') return { totalBytes: null, validator };
    throw new AppError('model-ignores-ranges', `${url} answers 206 without saying which bytes it sends`);
  }
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange.trim()) ?? [];
  if (Number(first) !== start || Number(last) !== end - 1) {
    throw new AppError('model-ignores-ranges', `${url} sends "${contentRange.slice(0, 80)}" for bytes ${start}-${end - 1}`);
  }
  return { totalBytes: total === '*' ? null : checkTotal(Number(total), url), validator };
}

function checkStatus({ status }: Response, url: string): void {
  if (status === 206) return;
  if (status === 200) {
    throw new AppError(
      'model-ignores-ranges',
      `${url} sends the whole file when asked for a part; its server must support range requests`,
    );
  }
  if (status === 416) throw new AppError('model-truncated', `${url} does not have the bytes that were asked for`);
  if (status >= 500) throw new TransientFailure(`status ${status}`);
  throw new AppError('model-unreachable', `${url} answers with status ${status}`, { values: { url, status } });
}

function checkTotal(totalBytes: number, url: string): number {
  if (Number.isSafeInteger(totalBytes)) return totalBytes;
  throw new AppError('model-ignores-ranges', `${url} claims a size of ${totalBytes} bytes`);
}
