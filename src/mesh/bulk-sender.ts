import { AppError } from '../shared/errors.ts';
import {
  assertBulkSize,
  BULK_BODY,
  BULK_FRAGMENT_BYTES,
  BULK_WINDOW_BYTES,
  encodeBulkFragment,
  MAX_BULK_BYTES,
} from '../shared/protocol/bulk.ts';

/** So much may wait for its turn: who has more to send waits for what it has given. */
export const MAX_QUEUED_BULK_BYTES = 4 * MAX_BULK_BYTES;
const BODY_BYTES = BULK_FRAGMENT_BYTES - BULK_BODY;

interface Waiting {
  id: number;
  data: Uint8Array<ArrayBuffer>;
  sentBytes: number;
  resolve(): void;
  reject(reason: AppError): void;
}

/** Sends messages one after the other in fragments, never more than the receiver has granted. */
export class BulkSender {
  private readonly sendFragment: (fragment: Uint8Array<ArrayBuffer>) => void;
  private readonly queue: Waiting[] = [];
  private queuedBytes = 0;
  private creditBytes = BULK_WINDOW_BYTES;
  private nextId = 0;

  /** @param sendFragment hands a fragment to the channel; not called before `pump` */
  constructor(sendFragment: (fragment: Uint8Array<ArrayBuffer>) => void) {
    this.sendFragment = sendFragment;
  }

  /**
   * Queues a message, which must be left alone until the promise is settled; to be followed by `pump`. Resolves when all of it is
   * handed to the channel, rejects with what `close` is given.
   * @throws AppError `frame-malformed`, `frame-too-large`, `link-congested`
   */
  push(data: ArrayBuffer): Promise<void> {
    assertBulkSize(data.byteLength);
    if (this.queuedBytes + data.byteLength > MAX_QUEUED_BULK_BYTES) {
      throw new AppError(
        'link-congested',
        `${this.queuedBytes} bulk bytes wait to be sent to this device, at most ${MAX_QUEUED_BULK_BYTES} may`,
      );
    }
    this.queuedBytes += data.byteLength;
    return new Promise((resolve, reject) => {
      this.queue.push({ id: this.nextId++, data: new Uint8Array(data), sentBytes: 0, resolve, reject });
    });
  }

  /** The receiver takes so many bytes more; to be followed by `pump`. @throws AppError `frame-malformed` if they were never sent */
  grant(bytes: number): void {
    this.creditBytes += bytes;
    if (this.creditBytes <= BULK_WINDOW_BYTES) return;
    throw new AppError('frame-malformed', `the other device grants ${bytes} bulk bytes, more than it was sent`);
  }

  /** Sends what may be sent now. Throws what `sendFragment` throws. */
  pump(): void {
    for (let waiting = this.queue[0]; waiting; waiting = this.queue[0]) {
      const { id, data, sentBytes } = waiting;
      const body = data.subarray(sentBytes, sentBytes + BODY_BYTES);
      if (BULK_BODY + body.length > this.creditBytes) return;
      this.sendFragment(encodeBulkFragment({ id, totalBytes: data.length, body }));
      this.creditBytes -= BULK_BODY + body.length;
      waiting.sentBytes += body.length;
      if (waiting.sentBytes < data.length) continue;
      this.queue.shift();
      this.queuedBytes -= data.length;
      waiting.resolve();
    }
  }

  /** Whatever was not handed over will not be. */
  close(reason: AppError): void {
    for (const { reject } of this.queue.splice(0)) reject(reason);
  }
}
