import { AppError } from '../errors.ts';
import { WEIGHT_PIECE_BYTES } from '../model/limits.ts';

/**
 * What is large and may wait goes over a channel of its own, beside the one with the activations: messages of bounded size, cut into
 * fragments. A sender has at most a window of bytes under way; the receiver grants more as it consumes, so that what is under way holds
 * up an activation for a moment and no longer. All messages on the channel are binary, little-endian, and count with their headers.
 */
export const BULK_WINDOW_BYTES = 256 * 1024;
export const BULK_FRAGMENT_BYTES = 16 * 1024;
export const MAX_BULK_BYTES = WEIGHT_PIECE_BYTES;

const KIND = 0;

/** A fragment: kind, id of its message, bytes of the whole message, and then its part of them. */
const KIND_FRAGMENT = 1;
const ID = KIND + 4;
const TOTAL_BYTES = ID + 4;
export const BULK_BODY = TOTAL_BYTES + 4;

/** A grant: kind, and how many bytes more may be sent. */
const KIND_GRANT = 2;
const GRANTED_BYTES = KIND + 4;
const GRANT_END = GRANTED_BYTES + 4;

export interface BulkFragment {
  kind: 'fragment';
  /** Names the message among those of its sender. */
  id: number;
  totalBytes: number;
  body: Uint8Array<ArrayBuffer>;
}

export type BulkItem = BulkFragment | { kind: 'grant'; bytes: number };

export function encodeBulkFragment({ id, totalBytes, body }: Omit<BulkFragment, 'kind'>): Uint8Array<ArrayBuffer> {
  const fragment = new Uint8Array(BULK_BODY + body.length);
  const view = new DataView(fragment.buffer);
  view.setUint32(KIND, KIND_FRAGMENT, true);
  view.setUint32(ID, id, true);
  view.setUint32(TOTAL_BYTES, totalBytes, true);
  fragment.set(body, BULK_BODY);
  return fragment;
}

export function encodeBulkGrant(bytes: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(GRANT_END));
  view.setUint32(KIND, KIND_GRANT, true);
  view.setUint32(GRANTED_BYTES, bytes, true);
  return new Uint8Array(view.buffer);
}

/**
 * A fragment's body is a view on `item`.
 * @throws AppError `frame-malformed`, `frame-too-large` for a message over MAX_BULK_BYTES
 */
export function decodeBulk(item: ArrayBuffer): BulkItem {
  if (item.byteLength < GRANT_END || item.byteLength > BULK_FRAGMENT_BYTES) {
    throw bulkMalformed(`${item.byteLength} bytes, ${GRANT_END} to ${BULK_FRAGMENT_BYTES} are allowed`);
  }
  const view = new DataView(item);
  const kind = view.getUint32(KIND, true);
  if (kind === KIND_GRANT && item.byteLength === GRANT_END) {
    return { kind: 'grant', bytes: view.getUint32(GRANTED_BYTES, true) };
  }
  if (kind !== KIND_FRAGMENT || item.byteLength <= BULK_BODY) throw bulkMalformed(`kind ${kind} in ${item.byteLength} bytes`);
  const totalBytes = view.getUint32(TOTAL_BYTES, true);
  assertBulkSize(totalBytes);
  return { kind: 'fragment', id: view.getUint32(ID, true), totalBytes, body: new Uint8Array(item, BULK_BODY) };
}

/** @throws AppError `frame-malformed` for nothing at all, `frame-too-large` */
export function assertBulkSize(bytes: number): void {
  if (bytes === 0) throw bulkMalformed('a message without bytes');
  if (bytes > MAX_BULK_BYTES) {
    throw new AppError('frame-too-large', `a bulk message has ${bytes} bytes, at most ${MAX_BULK_BYTES} are allowed`);
  }
}

/** @param what was got, and what was allowed */
export function bulkMalformed(what: string): AppError {
  return new AppError('frame-malformed', `on the bulk channel: ${what}`);
}
