import { describe, expect, test, vi } from 'vitest';
import { AppError } from '../shared/errors.ts';
import {
  BULK_BODY,
  BULK_FRAGMENT_BYTES,
  BULK_WINDOW_BYTES,
  type BulkFragment,
  decodeBulk,
  MAX_BULK_BYTES,
} from '../shared/protocol/bulk.ts';
import { type BulkConsumer, BulkReceiver } from './bulk-receiver.ts';
import { BulkSender, MAX_QUEUED_BULK_BYTES } from './bulk-sender.ts';

/** A sender and a receiver, and what is between them until it is carried over. */
function startPair(consumer: BulkConsumer) {
  const fragments: Uint8Array<ArrayBuffer>[] = [];
  const sender = new BulkSender((fragment) => fragments.push(fragment));
  const receiver = new BulkReceiver(consumer, (bytes) => {
    sender.grant(bytes);
    sender.pump();
  });
  const send = (data: ArrayBuffer) => {
    const sent = sender.push(data);
    sender.pump();
    return sent;
  };
  const underWay = () => fragments.reduce((bytes, fragment) => bytes + fragment.length, 0);
  /** @returns bytes that were carried over */
  const carry = async () => {
    let bytes = 0;
    for (let fragment = fragments.shift(); fragment; fragment = fragments.shift()) {
      bytes += fragment.length;
      receiver.push(decodeBulk(fragment.buffer) as BulkFragment);
      await Promise.resolve();
    }
    return bytes;
  };
  return { sender, send, carry, underWay, fragments };
}

function patterned(bytes: number): ArrayBuffer {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff).buffer;
}

/** Compares far quicker than an array does. */
function asText(bytes: ArrayBuffer): string {
  return new TextDecoder('latin1').decode(bytes);
}

const fragment = (change: Partial<BulkFragment> = {}): BulkFragment => {
  return { kind: 'fragment', id: 0, totalBytes: 100, body: new Uint8Array(50), ...change };
};

describe('bulk', () => {
  test('messages of every size come out whole and in order, in fragments of at most 16 KB', async () => {
    const received: ArrayBuffer[] = [];
    const { send, carry, fragments } = startPair((data) => void received.push(data));
    const sizes = [1, BULK_FRAGMENT_BYTES - BULK_BODY, BULK_FRAGMENT_BYTES, 300_000, MAX_BULK_BYTES];
    const sent = sizes.map((bytes) => send(patterned(bytes)));
    expect(Math.max(...fragments.map(({ length }) => length))).toBe(BULK_FRAGMENT_BYTES);
    await carry();
    await Promise.all(sent);
    expect(received.map(asText)).toEqual(sizes.map((bytes) => asText(patterned(bytes))));
  });

  test('no more than the window is under way, and nothing more is sent until it is consumed', async () => {
    let consumed = () => {};
    const consumer = () =>
      new Promise<void>((resolve) => {
        consumed = resolve;
      });
    const { send, carry, underWay } = startPair(consumer);
    const first = send(new ArrayBuffer(1000));
    const second = send(new ArrayBuffer(2 * BULK_WINDOW_BYTES));
    expect(underWay()).toBeLessThanOrEqual(BULK_WINDOW_BYTES);
    expect(await carry()).toBeGreaterThan(BULK_WINDOW_BYTES - BULK_FRAGMENT_BYTES);
    await first;
    expect(underWay()).toBe(0);
    consumed();
    await vi.waitFor(() => expect(underWay()).toBeGreaterThan(0));
    await carry();
    await second;
  });

  test('a consumer that fails holds nothing up', async () => {
    const { send, carry } = startPair(() => Promise.reject(new Error('full')));
    const sent = [1, 2, 3].map(() => send(new ArrayBuffer(BULK_WINDOW_BYTES)));
    await vi.waitFor(async () => expect(await carry()).toBe(0));
    await Promise.all(sent);
  });

  test('what waits is bounded, and is given back when the link breaks', async () => {
    const { sender, send } = startPair(() => {});
    const waiting = Promise.allSettled(
      Array.from({ length: MAX_QUEUED_BULK_BYTES / MAX_BULK_BYTES }, () => send(new ArrayBuffer(MAX_BULK_BYTES))),
    );
    expect(() => send(new ArrayBuffer(1))).toThrow(expect.objectContaining({ code: 'link-congested' }));
    sender.close(new AppError('peer-lost', ''));
    for (const outcome of await waiting) expect(outcome).toMatchObject({ reason: { code: 'peer-lost' } });
  });

  test.each([0, MAX_BULK_BYTES + 1])('a message of %i bytes is not taken', (bytes) => {
    expect(() => startPair(() => {}).send(new ArrayBuffer(bytes))).toThrow(AppError);
  });

  test.each([
    ['another message begins in the middle of one', [fragment(), fragment({ id: 1 })]],
    ['the length changes', [fragment(), fragment({ totalBytes: 101 })]],
    ['more bytes come than were announced', [fragment(), fragment({ body: new Uint8Array(51) })]],
    ['more comes than was granted', Array(6).fill(fragment({ totalBytes: MAX_BULK_BYTES, body: new Uint8Array(50_000) }))],
  ])('it is malformed if %s', (_, fragments) => {
    const receiver = new BulkReceiver(
      () => new Promise(() => {}),
      () => {},
    );
    const all = () => {
      receiver.push(fragment({ id: 9, totalBytes: 1, body: new Uint8Array(1) }));
      for (const each of fragments) receiver.push(each);
    };
    expect(all).toThrow(expect.objectContaining({ code: 'frame-malformed' }));
  });

  test('a grant of bytes that were never sent is malformed', () => {
    expect(() => startPair(() => {}).sender.grant(1)).toThrow(expect.objectContaining({ code: 'frame-malformed' }));
  });
});
