import { afterEach, describe, expect, test, vi } from 'vitest';
import type { LinkMeasure } from '../shared/model/link-profile.ts';
import { MAX_BULK_BYTES } from '../shared/protocol/bulk.ts';
import { MAX_FRAME_BYTES } from '../shared/protocol/frame-bytes.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import type { SignalData } from '../shared/protocol/signaling.ts';
import type { LinkState } from './link-state.ts';
import { Mesh } from './mesh.ts';

/** One tab: a mesh, and what it has told. */
interface Tab {
  mesh: Mesh;
  received: (PipelineMessage | ArrayBuffer)[];
  onFrame: (from: number, frame: ArrayBuffer) => void;
  bulk: ArrayBuffer[];
  measures: { to: number; measure: LinkMeasure }[];
  states: LinkState[];
}

/** Relays signals between the tabs of this page as the server does, later but in order. */
class Room {
  readonly tabs = new Map<number, Tab>();
  /** What of a signal arrives: it once, twice, or not at all. */
  deliver: (from: number, to: number, data: SignalData) => SignalData[] = (_from, _to, data) => [data];

  join(selfId: number): Tab {
    const tab: Tab = { mesh: null as unknown as Mesh, received: [], onFrame: () => {}, bulk: [], measures: [], states: [] };
    tab.mesh = new Mesh({
      selfId,
      iceServers: [],
      sendSignal: (to, data) => {
        for (const copy of this.deliver(selfId, to, data))
          queueMicrotask(() => this.tabs.get(to)?.mesh.handleSignal(selfId, copy));
      },
      events: {
        onControl: (_from, message) => tab.received.push(message),
        onFrame: (from, frame) => {
          tab.received.push(frame);
          tab.onFrame(from, frame);
        },
        onBulk: (_from, data) => void tab.bulk.push(data),
        onBadMessage: () => {},
        onLinkState: (state) => tab.states.push(state),
        onLinkMeasured: (to, measure) => tab.measures.push({ to, measure }),
      },
    });
    this.tabs.set(selfId, tab);
    for (const other of this.tabs.values()) other.mesh.setPeers([...this.tabs.keys()]);
    return tab;
  }

  leave(peerId: number): void {
    this.tabs.get(peerId)?.mesh.closeAll();
    this.tabs.delete(peerId);
  }
}

const rooms: Room[] = [];

function openRoom(): Room {
  const room = new Room();
  rooms.push(room);
  return room;
}

afterEach(() => {
  for (const room of rooms.splice(0)) for (const peerId of [...room.tabs.keys()]) room.leave(peerId);
});

function stateOf(tab: Tab, peerId: number): string | undefined {
  return tab.mesh.links.find((link) => link.peerId === peerId)?.state;
}

async function untilOpen(tab: Tab, ...peerIds: number[]): Promise<void> {
  await vi.waitFor(() => expect(peerIds.map((peerId) => stateOf(tab, peerId))).toEqual(peerIds.map(() => 'open')), 10_000);
}

/** A frame: its length, and then bytes that say where they are. */
function patterned(bytes: number): ArrayBuffer {
  const frame = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff).buffer;
  new DataView(frame).setUint32(0, bytes, true);
  return frame;
}

const free = (sequence: number): PipelineMessage => ({ kind: 'free', sequence });

/** Sends a frame of 4 KB to a tab that sends it back. */
async function roundTripMs(tab: Tab, to: number): Promise<number> {
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    tab.onFrame = () => resolve();
    tab.mesh.send(to, patterned(4096));
  });
  return performance.now() - startMs;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Lets time pass for one mesh without waiting for it. */
function advance(mesh: Mesh, fromMs: number, byMs: number): void {
  for (let nowMs = fromMs; nowMs <= fromMs + byMs; nowMs += 500) mesh.tick(nowMs);
}

describe('a mesh of tabs', () => {
  test('a frame of the largest size passes while a text behind it waits its turn', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    one.mesh.send(2, patterned(MAX_FRAME_BYTES));
    one.mesh.send(2, JSON.stringify(free(1)));
    await vi.waitFor(() => expect(two.received).toHaveLength(2), 30_000);
    expect((two.received[0] as ArrayBuffer).byteLength).toBe(MAX_FRAME_BYTES);
    expect(two.received[1]).toEqual(free(1));
  });

  test('a link that cannot take more breaks, both sides hear of it, and it opens again', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    const frame = patterned(MAX_FRAME_BYTES);
    const flood = () => {
      for (let i = 0; i < 20; i++) one.mesh.send(2, frame);
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'link-congested' }));
    expect(stateOf(one, 2)).toBe('connecting');
    await vi.waitFor(() => expect(stateOf(two, 1)).toBe('connecting'), 3000);
    advance(two.mesh, 0, 1500);
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    one.mesh.send(2, JSON.stringify(free(7)));
    await vi.waitFor(() => expect(two.received.at(-1)).toEqual(free(7)));
  });

  test('bulk arrives whole, and activations do not wait behind it', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    two.onFrame = (from, frame) => two.mesh.send(from, frame);
    const idleMs: number[] = [];
    while (idleMs.length < 50) idleMs.push(await roundTripMs(one, 2));
    const messages = Array.from({ length: 4 }, (_, i) => patterned(MAX_BULK_BYTES - i));
    const sending = (async () => {
      for (const message of messages) await one.mesh.sendBulk(2, message);
    })();
    const besideMs: number[] = [];
    while (two.bulk.length < messages.length) besideMs.push(await roundTripMs(one, 2));
    await sending;
    expect(two.bulk.map(bytesOf)).toEqual(messages.map(bytesOf));
    expect(besideMs.length).toBeGreaterThan(10);
    // Measured: 0.7 ms alone and 5 ms beside it; behind the same bytes on their own channel, a second.
    expect(median(besideMs)).toBeLessThan(20 * median(idleMs) + 50);
  });

  test('bulk that a link cannot deliver any more is given back with peer-lost', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    const sent = Promise.allSettled([1, 2].map(() => one.mesh.sendBulk(2, patterned(MAX_BULK_BYTES))));
    room.leave(2);
    for (const outcome of await sent) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'peer-lost' } });
    await expect(one.mesh.sendBulk(2, patterned(8))).rejects.toMatchObject({ code: 'peer-lost' });
  });

  test('without signals the advice says that the other tab may sleep', async () => {
    const room = openRoom();
    const sent: string[] = [];
    room.deliver = (_from, _to, data) => {
      sent.push(data.type);
      return [];
    };
    room.join(1);
    const two = room.join(2);
    await vi.waitFor(() => expect(sent).toContain('candidate'), 10_000);
    advance(two.mesh, 0, 10_000);
    expect(two.mesh.links).toEqual([{ peerId: 1, state: 'failed', advice: { code: 'no-answer', waitedMs: 10_000 } }]);
  });

  test('with descriptions but no way through the advice speaks of the Wi-Fi', async () => {
    const room = openRoom();
    const seen: string[] = [];
    room.deliver = (from, _to, data) => {
      seen.push(`${from} ${data.type}`);
      return data.type === 'candidate' ? [] : [data];
    };
    room.join(1);
    const two = room.join(2);
    await vi.waitFor(() => expect(seen).toEqual(expect.arrayContaining(['1 answer', '2 candidate'])), 10_000);
    advance(two.mesh, 0, 10_000);
    expect(two.mesh.links).toEqual([{ peerId: 1, state: 'failed', advice: { code: 'no-way-through', waitedMs: 10_000 } }]);
  });

  test('three tabs all link with each other, and each pair is measured once, by the newcomer', async () => {
    const room = openRoom();
    const tabs = [room.join(1), room.join(2), room.join(3)];
    await vi.waitFor(
      () => expect(tabs.map((tab) => tab.measures.map(({ to }) => to).toSorted())).toEqual([[], [1], [1, 2]]),
      20_000,
    );
    for (const { measure } of tabs.flatMap((tab) => tab.measures)) {
      expect(measure.rttMs).toBeGreaterThan(0);
      expect(measure.rttMs).toBeLessThan(1000);
      expect(measure.linkMbps).toBeGreaterThan(1);
      expect(measure.linkMbps).toBeLessThanOrEqual(1000);
    }
  });

  test('a tab that closes is noticed within a moment, and its id is dead from then on', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    two.mesh.closeAll();
    await vi.waitFor(() => expect(stateOf(one, 2)).toBe('connecting'), 3000);
    expect(() => one.mesh.send(2, 'x')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
    one.mesh.peerLeft(2);
    one.mesh.handleSignal(2, { type: 'offer', sdp: 'a=x-edgeshard-attempt:9\r\n' });
    expect(one.mesh.links).toEqual([]);
  });

  test('a tab that comes back under a new id is linked again', async () => {
    const room = openRoom();
    const one = room.join(1);
    room.join(2);
    await untilOpen(one, 2);
    room.leave(2);
    const back = room.join(3);
    await untilOpen(one, 3);
    await untilOpen(back, 1);
    expect(one.mesh.links.map((link) => link.peerId)).toEqual([3]);
  });

  test('repeated signals do no harm', async () => {
    const room = openRoom();
    room.deliver = (_from, _to, data) => [data, data];
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    expect(one.states.map(({ state }) => state)).toEqual(['connecting', 'open']);
  });

  test('an attempt whose answer was lost is followed by one that works, and its late answer does not spoil it', async () => {
    const room = openRoom();
    const late: SignalData[] = [];
    room.deliver = (from, _to, data) => {
      if (from === 2) return [data];
      late.push(data);
      return [];
    };
    const [one, two] = [room.join(1), room.join(2)];
    await vi.waitFor(() => expect(late.some((data) => data.type === 'answer')).toBe(true), 10_000);
    advance(two.mesh, 0, 10_000);
    expect(stateOf(two, 1)).toBe('failed');
    room.deliver = (_from, _to, data) => [...late.splice(0), data];
    advance(two.mesh, 10_500, 1500);
    await untilOpen(two, 1);
    await untilOpen(one, 2);
  });

  test('a link that breaks is made anew', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    two.mesh.tick(0);
    // Nothing is heard of tab 1 as its mesh does not tick.
    await vi.waitFor(() => expect(two.measures).toHaveLength(1), 10_000);
    advance(two.mesh, 500, 8500);
    await vi.waitFor(() => expect(two.states.filter(({ state }) => state === 'open')).toHaveLength(2), 10_000);
    await untilOpen(one, 2);
    one.mesh.send(2, JSON.stringify(free(5)));
    await vi.waitFor(() => expect(two.received).toEqual([free(5)]));
  });

  test('a peer that keeps sending what no protocol knows is cut off, once and for all', async () => {
    const room = openRoom();
    const [one, two] = [room.join(1), room.join(2)];
    await untilOpen(one, 2);
    await untilOpen(two, 1);
    const bad = ['{', '[]', '{"kind":"rm"}', '{"kind":"beat","more":1}', '{"kind":"free","sequence":-1}', 'null', '""', '1'];
    for (const text of bad.slice(1)) two.mesh.send(1, text);
    two.mesh.send(1, JSON.stringify(free(1)));
    await vi.waitFor(() => expect(one.received).toEqual([free(1)]));
    expect(stateOf(one, 2)).toBe('open');
    two.mesh.send(1, bad[0]!);
    await vi.waitFor(() => expect(stateOf(one, 2)).toBe('failed'));
    expect(one.mesh.links[0]?.advice?.code).toBe('other-protocol');
  });
});

/** Bytes as text, which compares a hundred times quicker than as an array. */
function bytesOf(item: PipelineMessage | ArrayBuffer): unknown {
  return item instanceof ArrayBuffer ? new TextDecoder('latin1').decode(item) : item;
}
