import { describe, expect, test, vi } from 'vitest';
import { PeerLink } from './peer-link.ts';

describe('one connection', () => {
  /** Two ends joined directly; resolves when both are open. */
  async function connectPair(): Promise<{ ends: [PeerLink, PeerLink]; messages: unknown[]; closed: string[] }> {
    const messages: unknown[] = [];
    const bulk: ArrayBuffer[] = [];
    const closed: string[] = [];
    let open = 0;
    const make = (initiator: boolean, other: () => PeerLink) =>
      new PeerLink({
        initiator,
        iceServers: [],
        events: {
          onSignal: (data) => other().signal(data),
          onOpen: () => open++,
          onActivity: () => {},
          onMessage: (data) => messages.push(data),
          onBulk: (data) => void bulk.push(data),
          onClosed: (reason) => closed.push(reason.code),
        },
      });
    const ends: [PeerLink, PeerLink] = [make(true, () => ends[1]), make(false, () => ends[0])];
    await vi.waitFor(() => expect(open).toBe(2), 10_000);
    return { ends, messages, closed };
  }

  /** Sends on the agreed channel without our encoder. */
  function rawChannel(): { sends: (data: ArrayBuffer | string) => void; restore: () => void } {
    const create = RTCPeerConnection.prototype.createDataChannel;
    const made: RTCDataChannel[] = [];
    RTCPeerConnection.prototype.createDataChannel = function (...args) {
      const channel = create.apply(this, args);
      if (args[0] === 'edgeshard') made.push(channel);
      return channel;
    };
    return {
      sends: (data) => made[0]!.send(data as string),
      restore: () => {
        RTCPeerConnection.prototype.createDataChannel = create;
      },
    };
  }

  test.each([
    ['a frame that announces 4 GB', new Uint8Array([0xff, 0xff, 0xff, 0xff, 1]).buffer, 'frame-too-large'],
    ['a piece of 5,000 bytes', new ArrayBuffer(5000), 'frame-malformed'],
    ['a text of 10,000 bytes', 'x'.repeat(10_000), 'frame-too-large'],
  ])('%s closes the link', async (_, data, code) => {
    const raw = rawChannel();
    const { ends, messages, closed } = await connectPair().finally(raw.restore);
    raw.sends(data);
    await vi.waitFor(() => expect(closed).toContain(code));
    expect(messages).toEqual([]);
    await vi.waitFor(() => expect(closed).toHaveLength(2));
    expect(() => ends[0].send('late')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
  });

  test('close is seen by the other side only, and once', async () => {
    const { ends, closed } = await connectPair();
    ends[0].close();
    await vi.waitFor(() => expect(closed).toEqual(['peer-lost']), 3000);
    ends[1].close();
    expect(closed).toEqual(['peer-lost']);
  });

  test('an unusable signal or ICE server ends the link with a reason', async () => {
    const closed: string[] = [];
    const events = { onSignal: () => {}, onOpen: () => {}, onActivity: () => {}, onMessage: () => {}, onBulk: () => {} };
    const unsignalled = new PeerLink({
      initiator: false,
      iceServers: [],
      events: { ...events, onClosed: ({ code }) => closed.push(code) },
    });
    unsignalled.signal({ type: 'offer', sdp: 'nonsense' });
    await vi.waitFor(() => expect(closed).toEqual(['peer-lost']));
    new PeerLink({
      initiator: true,
      iceServers: [{ urls: 'nonsense' }],
      events: { ...events, onClosed: ({ code }) => closed.push(code) },
    });
    await vi.waitFor(() => expect(closed).toEqual(['peer-lost', 'peer-lost']));
  });
});
