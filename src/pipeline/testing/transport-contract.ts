import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { Frame } from '../../shared/protocol/frame.ts';
import type { PipelineMessage } from '../../shared/protocol/peer.ts';
import type { Transport } from '../transport.ts';

/** Devices 1 and 2, and an open link between them. */
export interface TransportPair {
  transports: [Transport, Transport];
  /** What each of them was given, in order; and that its link broke. */
  received: [Received[], Received[]];
  /** Breaks the link; both transports hear of it. */
  cut(): void;
  close(): void;
}

export type Received = { from: PeerId; item: Frame | PipelineMessage } | 'lost';

/** Declares the tests that every Transport passes. Called from the test file of one. */
export function describeTransportContract(name: string, openPair: () => Promise<TransportPair>): void {
  describe(`the transport ${name}`, () => {
    let pair: TransportPair;

    beforeEach(async () => {
      pair = await openPair();
    });

    afterEach(() => pair.close());

    test('brings frames and messages in the order in which they were given, with their sender', async () => {
      const items = [free(1), frameOf(1), frameOf(2), free(2), free(3), frameOf(3)];
      for (const item of items) send(pair.transports[0], 2, item);
      for (const item of items) send(pair.transports[1], 1, item);
      await vi.waitFor(() => expect(pair.received.map(({ length }) => length)).toEqual([items.length, items.length]));
      expect(pair.received[1]).toEqual(items.map((item) => ({ from: 1, item })));
      expect(pair.received[0]).toEqual(items.map((item) => ({ from: 2, item })));
    });

    test('gives a device its own frames as they are, and its messages, never within the call', async () => {
      const [transport] = pair.transports;
      const items = [frameOf(1), free(1), frameOf(2)];
      for (const item of items) {
        send(transport, transport.selfId, item);
      }
      expect(pair.received[0]).toEqual([]);
      await vi.waitFor(() => expect(pair.received[0]).toHaveLength(items.length));
      expect(pair.received[0].map((one) => one !== 'lost' && one.item)).toEqual(items);
      expect(pair.received[0][0]).toHaveProperty(
        'item',
        expect.toSatisfy((item) => item === items[0]),
      );
    });

    test('runs nothing of the receiver within the call', () => {
      send(pair.transports[0], 2, frameOf(1));
      send(pair.transports[0], 2, free(1));
      expect(pair.received[1]).toEqual([]);
    });

    test('knows to whom it can send: to itself, and over an open link', () => {
      const [transport] = pair.transports;
      expect([1, 2, 3].map((peerId) => transport.isOpen(peerId))).toEqual([true, true, false]);
      for (const item of [frameOf(1), free(1)]) {
        expect(() => send(transport, 3, item)).toThrow(expect.objectContaining({ code: 'peer-lost' }));
      }
    });

    test('takes and brings nothing more over a link that broke, but still to itself', async () => {
      const [one, two] = pair.transports;
      for (const item of [frameOf(1), free(1)]) send(one, 2, item);
      pair.cut();
      await vi.waitFor(() => expect([one.isOpen(2), two.isOpen(1)]).toEqual([false, false]));
      for (const item of [frameOf(2), free(2)]) {
        expect(() => send(one, 2, item)).toThrow(expect.objectContaining({ code: 'peer-lost' }));
      }
      send(two, 2, free(3));
      await vi.waitFor(() => expect(pair.received[1].at(-1)).toEqual({ from: 2, item: free(3) }));
      const afterLoss = pair.received[1].slice(pair.received[1].indexOf('lost') + 1);
      expect(afterLoss).toEqual([{ from: 2, item: free(3) }]);
    });
  });
}

function send(transport: Transport, to: PeerId, item: Frame | PipelineMessage): void {
  if (item.kind === 'forward' || item.kind === 'reply') transport.sendFrame(to, item);
  else transport.sendMessage(to, item);
}

function free(sequence: number): PipelineMessage {
  return { kind: 'free', sequence };
}

function frameOf(request: number): Frame {
  const runs = [{ source: 1, request, sequence: 1, position: 0, rows: 1 }];
  const hidden = Float32Array.of(1, 2, request);
  return { kind: 'forward', epoch: 1, untilLayer: 1, runs, heads: [], trail: [], dtype: 'f32', dim: 3, hidden };
}
