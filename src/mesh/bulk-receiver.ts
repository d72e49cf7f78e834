import { BULK_BODY, BULK_WINDOW_BYTES, type BulkFragment, bulkMalformed } from '../shared/protocol/bulk.ts';

/** Smaller grants would only be more messages. */
const GRANT_BYTES = BULK_WINDOW_BYTES / 4;

/** Takes a whole message; while the promise is not settled, no more than a window of bytes follows. Tells its own errors. */
export type BulkConsumer = (data: ArrayBuffer) => void | Promise<void>;

/** Joins fragments into messages again, and grants the sender more as they are consumed. After an error it is of no further use. */
export class BulkReceiver {
  private readonly consumer: BulkConsumer;
  private readonly sendGrant: (bytes: number) => void;
  private message: { id: number; data: Uint8Array<ArrayBuffer>; filledBytes: number } | null = null;
  /** Received and not granted again. */
  private heldBytes = 0;
  private beingConsumed = 0;

  constructor(consumer: BulkConsumer, sendGrant: (bytes: number) => void) {
    this.consumer = consumer;
    this.sendGrant = sendGrant;
  }

  /** @throws AppError `frame-malformed` for a fragment that does not go on where the last one ended, or was not granted */
  push({ id, totalBytes, body }: BulkFragment): void {
    this.heldBytes += BULK_BODY + body.length;
    if (this.heldBytes > BULK_WINDOW_BYTES)
      throw bulkMalformed(`${this.heldBytes} bytes came, ${BULK_WINDOW_BYTES} were granted`);
    this.message ??= { id, data: new Uint8Array(totalBytes), filledBytes: 0 };
    const { data, filledBytes } = this.message;
    if (id !== this.message.id || totalBytes !== data.length) throw bulkMalformed(`message ${id} began within another`);
    const missingBytes = data.length - filledBytes;
    if (body.length > missingBytes) throw bulkMalformed(`${body.length} bytes for a message that lacks ${missingBytes}`);
    data.set(body, filledBytes);
    this.message.filledBytes += body.length;
    if (body.length === missingBytes) void this.deliver(data.buffer);
    this.grant();
  }

  private async deliver(data: ArrayBuffer): Promise<void> {
    this.message = null;
    this.beingConsumed += 1;
    try {
      await this.consumer(data);
    } catch {
      // The consumer's own matter; the link goes on.
    }
    this.beingConsumed -= 1;
    this.grant();
  }

  private grant(): void {
    if (this.beingConsumed > 0 || this.heldBytes < GRANT_BYTES) return;
    const bytes = this.heldBytes;
    this.heldBytes = 0;
    this.sendGrant(bytes);
  }
}
