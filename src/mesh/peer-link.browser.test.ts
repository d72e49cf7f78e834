import { describe, expect, test, vi } from 'vitest';
import { PeerLink } from './peer-link.ts';
import { describeLinkContract, type EndEvents } from './testing/link-contract.ts';

/** Two ends joined directly; resolves when both are open. */
async function openLinks(events: [EndEvents, EndEvents]): Promise<[PeerLink, PeerLink]> {
  let open = 0;
  const make = (end: 0 | 1) =>
    new PeerLink({
      initiator: end === 0,
      iceServers: [],
      events: { ...events[end], onSignal: (data) => ends[1 - end]!.signal(data), onOpen: () => open++ },
    });
  const ends: [PeerLink, PeerLink] = [make(0), make(1)];
  await vi.waitFor(() => expect(open).toBe(2), 10_000);
  return ends;
}

describeLinkContract('over WebRTC', openLinks);

describe('one connection', () => {
  async function connectPair(): Promise<{ ends: [PeerLink, PeerLink]; messages: unknown[]; closed: string[] }> {
    const messages: unknown[] = [];
    const closed: string[] = [];
    const events: EndEvents = {
      onActivity: () => {},
      onMessage: (data) => messages.push(data),
      onBulk: (data) => void messages.push(data),
      onClosed: (reason) => closed.push(reason.code),
    };
    return { ends: await openLinks([events, events]), messages, closed };
  }

  /** Sends on the agreed channel without our encoder. */
  function rawChannel(name: string): { sends: (data: ArrayBuffer | string) => void; restore: () => void } {
    const create = RTCPeerConnection.prototype.createDataChannel;
    const made: RTCDataChannel[] = [];
    RTCPeerConnection.prototype.createDataChannel = function (...args) {
      const channel = create.apply(this, args);
      if (args[0] === name) made.push(channel);
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
    ['a frame that announces 4 GB', 'edgeshard', new Uint8Array([0xff, 0xff, 0xff, 0xff, 1]).buffer, 'frame-too-large'],
    ['a fragment of 5,000 bytes', 'edgeshard', new ArrayBuffer(5000), 'frame-malformed'],
    ['a text of 10,000 bytes', 'edgeshard', 'x'.repeat(10_000), 'frame-too-large'],
    ['a bulk message that announces 4 GB', 'edgeshard-bulk', Uint32Array.of(1, 0, 0xffffffff, 0).buffer, 'frame-too-large'],
    ['a grant of what was never sent', 'edgeshard-bulk', Uint32Array.of(2, 1).buffer, 'frame-malformed'],
    ['a text on the bulk channel', 'edgeshard-bulk', 'x', 'frame-malformed'],
  ])('%s closes the link', async (_, channel, data, code) => {
    const raw = rawChannel(channel);
    const { ends, messages, closed } = await connectPair().finally(raw.restore);
    raw.sends(data);
    await vi.waitFor(() => expect(closed).toContain(code));
    expect(messages).toEqual([]);
    await vi.waitFor(() => expect(closed).toHaveLength(2));
    expect(() => ends[0].send('late')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
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
