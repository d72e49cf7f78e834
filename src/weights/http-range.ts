import { checkRange } from '../gguf/byte-source.ts';
import { AppError } from '../shared/errors.ts';
import { pieceReader } from './piece-reader.ts';
import { checkRangeAnswer, type RangeAnswer, TransientFailure } from './range-response.ts';
import type { RangeSource } from './range-source.ts';
import { TimedRequest, waitMs } from './timed-request.ts';

export interface HttpRangeOptions {
  fetch?: typeof fetch;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** Stops opening and everything that is read later. */
  signal?: AbortSignal;
  /** Most that is asked for at once. */
  requestBytes?: number;
  /** Wait before the first repetition, doubled each time, ms. */
  retryDelayMs?: number;
  /** A request that brings nothing for so long counts as failed, ms. */
  stallTimeoutMs?: number;
}

/**
 * A browser reads on in memory of its own while a busy worker takes its time, to the end of the answer. From a fast network that
 * was 25 MB; a round trip for every such part costs a slow one a few hundredths of its time.
 */
const REQUEST_BYTES = 16 * 1024 * 1024;
/** How often a request is repeated in a row before the failure is reported. */
const MAX_RETRIES = 3;
/** So much of a range arrived: the connection works, and the next failure counts as the first. */
const PROGRESS_BYTES = 64 * 1024;

/**
 * Opens a file on an HTTP server for reading by ranges. One byte is asked for, to learn the file's size and that the server
 * supports ranges; a server that would send the whole file instead is left at once.
 *
 * Relative addresses are resolved against the page's origin. Network failures, stalls and 5xx answers are retried, going on
 * where the last answer broke off; nothing else is.
 *
 * @throws AppError model-unreachable, model-ignores-ranges, model-truncated, stopped. Reading also throws model-changed.
 */
export async function openHttpRange(url: string, options: HttpRangeOptions = {}): Promise<RangeSource> {
  const source = new HttpRangeSource(resolveUrl(url), options);
  await source.open();
  return source;
}

function resolveUrl(url: string): string {
  const origin = typeof location === 'undefined' ? undefined : location.origin;
  if (!URL.canParse(url, origin)) throw new AppError('model-unreachable', `"${url.slice(0, 200)}" is not a web address`);
  const resolved = new URL(url, origin);
  if (/^https?:$/.test(resolved.protocol)) return resolved.href;
  throw new AppError('model-unreachable', `models are read over http and https, not ${resolved.protocol}`);
}

class HttpRangeSource implements RangeSource {
  readonly url: string;
  size = 0;
  validator: string | null = null;
  private readonly options: HttpRangeOptions;

  constructor(url: string, options: HttpRangeOptions) {
    this.url = url;
    this.options = options;
  }

  async open(): Promise<void> {
    const { totalBytes, validator } = await this.retrying(() => this.probe());
    this.size = totalBytes ?? (await this.retrying(() => this.sizeFromHead()));
    this.validator = validator;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, start, end);
    const bytes = new Uint8Array(end - start);
    let at = 0;
    for await (const piece of this.stream(start, end, signal)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async *stream(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkRange(this, start, end);
    const { requestBytes = REQUEST_BYTES } = this.options;
    let position = start;
    let progressAt = start;
    let retries = 0;
    while (position < end) {
      try {
        for await (const piece of this.attempt(position, Math.min(end, position + requestBytes), signal)) {
          position += piece.length;
          yield piece;
        }
      } catch (thrown) {
        if (position - progressAt >= PROGRESS_BYTES) retries = 0;
        progressAt = position;
        await this.waitToRetry(thrown, retries, signal);
        retries++;
      }
    }
  }

  /** One request for bytes [start, end): all of them, or an error. */
  private async *attempt(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const request = this.request(signal);
    try {
      const response = await request.within(() => this.send(request, 'GET', start, end));
      this.checkSameFile(checkRangeAnswer(response, this.url, start, end));
      yield* this.exactly(response, end - start, request);
    } finally {
      request.end();
    }
  }

  private async *exactly(response: Response, wantedBytes: number, request: TimedRequest): AsyncGenerator<Uint8Array> {
    const reader = response.body && pieceReader(response.body);
    let gotBytes = 0;
    while (reader) {
      const value = await request.within(() => reader.next());
      if (!value) break;
      gotBytes += value.length;
      if (gotBytes > wantedBytes) {
        throw new AppError('model-ignores-ranges', `${this.url} sends more than the ${wantedBytes} bytes that were asked for`);
      }
      yield value;
    }
    if (gotBytes < wantedBytes) {
      throw new AppError('model-truncated', `${this.url} sent ${gotBytes} of ${wantedBytes} bytes and ended`);
    }
  }

  /** Asks for the first byte. */
  private async probe(): Promise<RangeAnswer> {
    const request = this.request();
    try {
      return checkRangeAnswer(await request.within(() => this.send(request, 'GET', 0, 1)), this.url, 0, 1);
    } finally {
      request.end();
    }
  }

  /** `Content-Length` may be read from every origin that answers at all (Fetch standard, safelisted response headers). */
  private async sizeFromHead(): Promise<number> {
    const request = this.request();
    try {
      const { ok, headers } = await request.within(() => this.send(request, 'HEAD'));
      const sizeBytes = Number(headers.get('content-length') ?? Number.NaN);
      if (ok && Number.isSafeInteger(sizeBytes)) return sizeBytes;
    } finally {
      request.end();
    }
    throw new AppError('model-ignores-ranges', `${this.url} hides its size; its server must expose the header Content-Range`);
  }

  private checkSameFile({ totalBytes, validator }: RangeAnswer): void {
    if (totalBytes !== null && totalBytes !== this.size) {
      throw new AppError('model-changed', `${this.url} had ${this.size} bytes when it was opened and has ${totalBytes} now`);
    }
    if (validator !== null && this.validator !== null && validator !== this.validator) {
      throw new AppError('model-changed', `${this.url} was replaced while it was being read`);
    }
  }

  /** Weights have their own cache; a second copy in the browser's would only cost the device's storage. */
  private send(request: TimedRequest, method: 'GET' | 'HEAD', start = 0, end = 0): Promise<Response> {
    const headers =
      method === 'GET' ? { ...this.options.headers, range: `bytes=${start}-${end - 1}` } : { ...this.options.headers };
    const fetchFile = this.options.fetch ?? fetch;
    return fetchFile(this.url, { method, headers, signal: request.signal, cache: 'no-store' });
  }

  private request(signal?: AbortSignal): TimedRequest {
    return new TimedRequest(this.options.stallTimeoutMs ?? 30_000, this.stoppers(signal));
  }

  private stoppers(signal?: AbortSignal): AbortSignal[] {
    return [this.options.signal, signal].filter((stopper) => stopper !== undefined);
  }

  private async retrying<T>(action: () => Promise<T>): Promise<T> {
    for (let retries = 0; ; retries++) {
      try {
        return await action();
      } catch (thrown) {
        await this.waitToRetry(thrown, retries);
      }
    }
  }

  private async waitToRetry(thrown: unknown, retries: number, signal?: AbortSignal): Promise<void> {
    if (!(thrown instanceof TransientFailure)) throw thrown;
    if (retries >= MAX_RETRIES) {
      const why = `${thrown.message}, ${retries + 1} times in a row`;
      throw new AppError('model-unreachable', `${this.url} can't be read (${why}), or its server refuses this page (CORS)`, {
        values: { url: this.url },
        cause: thrown,
      });
    }
    await waitMs((this.options.retryDelayMs ?? 300) * 2 ** retries, this.stoppers(signal));
  }
}
