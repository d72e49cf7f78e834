import { AppError } from '../shared/errors.ts';
import { MAX_CONTROL_BYTES } from '../shared/protocol/peer.ts';
import { assertFrame, fragmentsOf } from './fragments.ts';

/** Chromium's `send` throws at 16 MB buffered. Little in the browser's own buffer keeps what is queued ours to count. */
export const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;
/** More than this waiting to be sent means that the link will not catch up with its sender. */
export const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
const COMPACT_AFTER = 1024;

/** What the outbox needs of a data channel. */
export type OutgoingChannel = Pick<RTCDataChannel, 'bufferedAmount' | 'bufferedAmountLowThreshold' | 'onbufferedamountlow'> & {
  send(data: string | Uint8Array<ArrayBuffer>): void;
};

interface Waiting {
  parts: Iterator<string | Uint8Array<ArrayBuffer>>;
  bytes: number;
}

const encoder = new TextEncoder();

/** UTF-8 length. @throws AppError `frame-too-large` over MAX_CONTROL_BYTES */
export function controlBytes(text: string): number {
  const bytes = encoder.encode(text).length;
  if (bytes <= MAX_CONTROL_BYTES) return bytes;
  throw new AppError('frame-too-large', `a control message has ${bytes} bytes, at most ${MAX_CONTROL_BYTES} are allowed`);
}

/** Sends texts and frames in the order given, never more at once than the channel takes well. */
export class Outbox {
  private readonly channel: OutgoingChannel;
  private queue: Waiting[] = [];
  private next = 0;
  private waitingBytes = 0;

  constructor(channel: OutgoingChannel) {
    this.channel = channel;
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
  }

  /** Bytes of the messages that are not wholly handed to the channel. */
  get queuedBytes(): number {
    return this.waitingBytes;
  }

  /**
   * Queues a message whole, or throws and queues nothing of it.
   * @throws AppError `frame-too-large`, `frame-malformed`, `link-congested`
   */
  push(data: ArrayBuffer | string): void {
    const waiting = toWaiting(data);
    if (this.waitingBytes + waiting.bytes > MAX_QUEUED_BYTES) {
      throw new AppError(
        'link-congested',
        `${this.waitingBytes} bytes wait to be sent to this device, ${waiting.bytes} more would pass the limit of ${MAX_QUEUED_BYTES}`,
      );
    }
    this.queue.push(waiting);
    this.waitingBytes += waiting.bytes;
  }

  /** Hands over what the channel takes now; to be called after a push and on `bufferedamountlow`. Throws what `send` throws. */
  pump(): void {
    while (this.next < this.queue.length && this.channel.bufferedAmount < HIGH_WATER_BYTES) {
      const waiting = this.queue[this.next]!;
      const part = waiting.parts.next();
      if (part.done) this.finish(waiting);
      else this.channel.send(part.value);
    }
  }

  private finish(waiting: Waiting): void {
    this.waitingBytes -= waiting.bytes;
    this.next += 1;
    if (this.next === this.queue.length || this.next === COMPACT_AFTER) {
      this.queue.splice(0, this.next);
      this.next = 0;
    }
  }
}

function toWaiting(data: ArrayBuffer | string): Waiting {
  if (typeof data === 'string') return { parts: [data].values(), bytes: controlBytes(data) };
  assertFrame(data);
  return { parts: fragmentsOf(data), bytes: data.byteLength };
}
