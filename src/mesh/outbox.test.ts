import { describe, expect, test } from 'vitest';
import { MAX_FRAME_BYTES } from '../shared/protocol/frame-bytes.ts';
import { MAX_CONTROL_BYTES } from '../shared/protocol/peer.ts';
import { HIGH_WATER_BYTES, MAX_QUEUED_BYTES, Outbox, type OutgoingChannel } from './outbox.ts';

/** A channel that sends nothing on until it is drained. */
class FullChannel implements OutgoingChannel {
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  onbufferedamountlow = null;
  readonly sent: (string | number)[] = [];

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(typeof data === 'string' ? data : data.length);
    this.bufferedAmount += data.length;
  }
}

/** As every frame: it begins with its length. */
function frameOf(bytes: number): ArrayBuffer {
  const frame = new ArrayBuffer(bytes);
  new DataView(frame).setUint32(0, bytes, true);
  return frame;
}

function fill(outbox: Outbox): void {
  for (let i = 0; i < MAX_QUEUED_BYTES / MAX_FRAME_BYTES; i++) outbox.push(frameOf(MAX_FRAME_BYTES));
}

describe('the queue in front of a channel', () => {
  test('texts and frames leave in the order they came', () => {
    const channel = new FullChannel();
    const outbox = new Outbox(channel);
    for (const data of ['a', frameOf(4097), 'b', frameOf(4), 'c']) outbox.push(data);
    outbox.pump();
    expect(channel.sent).toEqual(['a', 4096, 1, 'b', 4, 'c']);
    expect(outbox.queuedBytes).toBe(0);
  });

  test('the channel is given no more than its high-water mark until it has drained', () => {
    const channel = new FullChannel();
    const outbox = new Outbox(channel);
    outbox.push(frameOf(3 * HIGH_WATER_BYTES));
    outbox.push('after');
    let rounds = 0;
    while (outbox.queuedBytes > 0) {
      channel.bufferedAmount = 0;
      outbox.pump();
      expect(channel.bufferedAmount).toBeLessThan(HIGH_WATER_BYTES + 4096);
      rounds += 1;
    }
    expect(rounds).toBe(4);
    expect(channel.sent.at(-1)).toBe('after');
  });

  test('a message over the bound is refused whole, and goes once the queue has drained', () => {
    const channel = new FullChannel();
    const outbox = new Outbox(channel);
    fill(outbox);
    expect(() => outbox.push('x')).toThrow(expect.objectContaining({ code: 'link-congested' }));
    expect(outbox.queuedBytes).toBe(MAX_QUEUED_BYTES);
    while (outbox.queuedBytes > 0) {
      channel.bufferedAmount = 0;
      outbox.pump();
    }
    outbox.push('y');
    channel.bufferedAmount = 0;
    outbox.pump();
    expect(channel.sent).not.toContain('x');
    expect(channel.sent.at(-1)).toBe('y');
  });

  test('a queue that never empties keeps its order', () => {
    const channel = new FullChannel();
    const outbox = new Outbox(channel);
    const texts = Array.from({ length: 5000 }, (_, i) => `message ${i}`);
    for (const text of texts) outbox.push(text);
    outbox.pump();
    expect(channel.sent).toEqual(texts);
  });

  test('too large a text or frame is refused', () => {
    const outbox = new Outbox(new FullChannel());
    outbox.push('x'.repeat(MAX_CONTROL_BYTES));
    expect(() => outbox.push('x'.repeat(MAX_CONTROL_BYTES + 1))).toThrow(expect.objectContaining({ code: 'frame-too-large' }));
    expect(() => outbox.push('ü'.repeat(MAX_CONTROL_BYTES / 2 + 1))).toThrow(
      expect.objectContaining({ code: 'frame-too-large' }),
    );
    expect(() => outbox.push(frameOf(MAX_FRAME_BYTES + 1))).toThrow(expect.objectContaining({ code: 'frame-too-large' }));
  });
});
