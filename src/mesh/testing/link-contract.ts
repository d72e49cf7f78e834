import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_BULK_BYTES } from '../../shared/protocol/bulk.ts';
import { MAX_FRAME_BYTES } from '../../shared/protocol/frame-bytes.ts';
import { MAX_CONTROL_BYTES } from '../../shared/protocol/peer.ts';
import type { Link, PeerLinkEvents } from '../peer-link.ts';

/** The two ends of an open link, and what was told at each. */
interface Ends {
  links: [Link, Link];
  received: [unknown[], unknown[]];
  bulk: [ArrayBuffer[], ArrayBuffer[]];
  closed: [string[], string[]];
}

/** What the contract listens to; signals and opening are the opener's. */
export type EndEvents = Omit<PeerLinkEvents, 'onSignal' | 'onOpen'>;

/** Joins two links that tell these events; resolves when both are open. */
export type OpenLinks = (events: [EndEvents, EndEvents]) => Promise<[Link, Link]>;

/** Declares the tests that every Link passes. Called from the test file of one. */
export function describeLinkContract(name: string, openLinks: OpenLinks): void {
  describe(`the link ${name}`, () => {
    let ends: Ends;

    beforeEach(async () => {
      ends = await openEnds(openLinks);
    });

    afterEach(() => {
      for (const link of ends.links) link.close();
    });

    test('brings frames of every size and texts whole and in the order in which they were given, both ways', async () => {
      const { links, received } = ends;
      const items = [4, 4092, 4096, 4097, 1_000_000].map(patterned).flatMap((frame, i) => [`text ${i}`, frame, '']);
      for (const link of links) for (const item of items) link.send(item);
      for (const at of received) {
        await vi.waitFor(() => expect(at).toHaveLength(items.length), 10_000);
        expect(at).toEqual(items.map(asText));
      }
    });

    test('runs nothing of the receiver within the call', async () => {
      const { links, received } = ends;
      links[0].send('text');
      links[0].send(patterned(8));
      expect(received[1]).toEqual([]);
      await vi.waitFor(() => expect(received[1]).toHaveLength(2));
    });

    test('brings bulk whole and in order', async () => {
      const { links, bulk } = ends;
      const messages = [1, 100_000, 1_000_000].map(patterned);
      for (const link of links) await Promise.all(messages.map((message) => link.sendBulk(message)));
      for (const at of bulk) {
        await vi.waitFor(() => expect(at).toHaveLength(messages.length), 10_000);
        expect(at.map(asText)).toEqual(messages.map(asText));
      }
    });

    test('refuses what is too large, or no frame, and stays open', async () => {
      const { links, received } = ends;
      for (const [item, code] of [
        ['x'.repeat(MAX_CONTROL_BYTES + 1), 'frame-too-large'],
        [patterned(MAX_FRAME_BYTES + 1), 'frame-too-large'],
        [new ArrayBuffer(8), 'frame-malformed'],
      ] as const) {
        expect(() => links[0].send(item)).toThrow(expect.objectContaining({ code }));
      }
      await expect(links[0].sendBulk(new ArrayBuffer(MAX_BULK_BYTES + 1))).rejects.toMatchObject({ code: 'frame-too-large' });
      await expect(links[0].sendBulk(new ArrayBuffer(0))).rejects.toMatchObject({ code: 'frame-malformed' });
      links[0].send('still open');
      await vi.waitFor(() => expect(received[1]).toEqual(['still open']));
    });

    test('is seen to be closed by the other side only, and once', async () => {
      const { links, closed } = ends;
      links[0].close();
      await vi.waitFor(() => expect(closed).toEqual([[], ['peer-lost']]), 3000);
      links[0].close();
      links[1].close();
      expect(closed).toEqual([[], ['peer-lost']]);
    });

    test('takes and brings nothing after it was closed', async () => {
      const { links, received, bulk, closed } = ends;
      links[1].send('on its way');
      const underWay = links[0].sendBulk(patterned(MAX_BULK_BYTES));
      links[0].close();
      await expect(underWay).rejects.toMatchObject({ code: 'peer-lost' });
      await vi.waitFor(() => expect(closed[1]).toEqual(['peer-lost']), 3000);
      for (const link of links) {
        expect(() => link.send('late')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
        await expect(link.sendBulk(patterned(8))).rejects.toMatchObject({ code: 'peer-lost' });
      }
      expect(received).toEqual([[], []]);
      expect(bulk[1]).toEqual([]);
    });
  });
}

async function openEnds(openLinks: OpenLinks): Promise<Ends> {
  const ends: Omit<Ends, 'links'> = { received: [[], []], bulk: [[], []], closed: [[], []] };
  const eventsAt = (end: 0 | 1): EndEvents => ({
    onActivity: () => {},
    onMessage: (data) => ends.received[end].push(asText(data)),
    onBulk: (data) => void ends.bulk[end].push(data),
    onClosed: ({ code }) => ends.closed[end].push(code),
  });
  return { ...ends, links: await openLinks([eventsAt(0), eventsAt(1)]) };
}

/** Text stays; bytes become text, which compares a hundred times quicker than an array. */
function asText(item: ArrayBuffer | string): string {
  return typeof item === 'string' ? item : new TextDecoder('latin1').decode(item);
}

/** A frame: its length, and then bytes that say where they are. */
function patterned(bytes: number): ArrayBuffer {
  const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff).buffer;
  if (bytes >= 4) new DataView(data).setUint32(0, bytes, true);
  return data;
}
