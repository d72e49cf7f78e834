import { describe, expect, test } from 'vitest';
import { AppError } from '../shared/errors.ts';
import type { PeerMessage } from '../shared/protocol/peer.ts';
import type { SignalData } from '../shared/protocol/signaling.ts';
import type { LinkState } from './link-state.ts';
import { Mesh } from './mesh.ts';
import type { Link, PeerLinkEvents } from './peer-link.ts';
import { tagAttempt } from './signal-match.ts';

/** A connection that does what the test says. */
class FakeLink implements Link {
  readonly sent: (string | ArrayBuffer)[] = [];
  readonly signals: SignalData[] = [];
  readonly initiator: boolean;
  readonly events: PeerLinkEvents;
  queuedBytes = 0;
  closed = false;

  constructor(initiator: boolean, events: PeerLinkEvents) {
    this.initiator = initiator;
    this.events = events;
  }

  signal(data: SignalData): void {
    this.signals.push(data);
  }

  send(data: ArrayBuffer | string): void {
    this.sent.push(data);
  }

  close(): void {
    this.closed = true;
  }

  get beats(): number {
    return this.sent.filter((data) => data === '{"kind":"beat"}').length;
  }

  /** The ids of the probes that were sent here. */
  get probes(): number[] {
    const messages = this.sent.map((data) => JSON.parse(data as string) as PeerMessage);
    return messages.flatMap((message) => (message.kind === 'probe' ? [message.id] : []));
  }

  receive(message: PeerMessage): void {
    this.events.onActivity();
    this.events.onMessage(JSON.stringify(message));
  }
}

function startMesh(selfId: number) {
  const links: FakeLink[] = [];
  const states: LinkState[] = [];
  const signals: { to: number; data: SignalData }[] = [];
  const control: { from: number; kind: string }[] = [];
  const measured: number[] = [];
  let nowMs = 0;
  const mesh = new Mesh({
    selfId,
    iceServers: [],
    nowMs: () => 0,
    sendSignal: (to, data) => signals.push({ to, data }),
    openLink: ({ initiator, events }) => {
      const link = new FakeLink(initiator, events);
      links.push(link);
      return link;
    },
    events: {
      onControl: (from, message) => control.push({ from, kind: message.kind }),
      onFrame: () => {},
      onLinkState: (state) => states.push(state),
      onLinkMeasured: (to) => measured.push(to),
    },
  });
  mesh.tick(0);
  /** Half a second a step, as the clock in the worker ticks. */
  const pass = (byMs: number, each: () => void = () => {}) => {
    for (const untilMs = nowMs + byMs; nowMs < untilMs; ) {
      nowMs += 500;
      each();
      mesh.tick(nowMs);
    }
  };
  return { mesh, links, states, signals, control, measured, pass };
}

const offer = (attempt: number): SignalData => ({ type: 'offer', sdp: tagAttempt('v=0\r\na=ice-ufrag:remote\r\n', attempt) });
const answer = (attempt: number): SignalData => ({ type: 'answer', sdp: tagAttempt('v=0\r\na=ice-ufrag:remote\r\n', attempt) });
const candidate = (fragment: string): SignalData => ({
  type: 'candidate',
  candidate: { candidate: `candidate:1 1 udp 1 127.0.0.1 4 typ host ufrag ${fragment}`, sdpMid: '0' },
});

describe('who starts', () => {
  test('the newcomer makes a link to everyone before it, nobody to itself, and nobody twice', () => {
    const { mesh, links } = startMesh(3);
    mesh.setPeers([1, 2, 3]);
    mesh.setPeers([1, 2, 3]);
    expect(links.map(({ initiator }) => initiator)).toEqual([true, true]);
  });

  test('the other side answers an offer, also of a device that it has not been told of', () => {
    const { mesh, links } = startMesh(3);
    mesh.handleSignal(4, offer(1));
    mesh.setPeers([3]);
    mesh.setPeers([3, 4]);
    expect(links.map(({ initiator, closed }) => ({ initiator, closed }))).toEqual([{ initiator: false, closed: false }]);
    expect(links[0]!.signals).toEqual([{ type: 'offer', sdp: 'v=0\r\na=ice-ufrag:remote\r\n' }]);
  });

  test('an offer from the side that must not make one is ignored', () => {
    const { mesh, links } = startMesh(3);
    mesh.setPeers([1, 3]);
    mesh.handleSignal(1, offer(9));
    expect(links).toHaveLength(1);
    expect(links[0]!.signals).toEqual([]);
  });
});

describe('signals that come late, twice or too early', () => {
  test('a repeated or older offer is ignored, a newer one starts anew', () => {
    const { mesh, links } = startMesh(1);
    for (const attempt of [2, 2, 1]) mesh.handleSignal(2, offer(attempt));
    expect(links).toHaveLength(1);
    mesh.handleSignal(2, offer(3));
    expect(links.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('only the first answer to the current attempt counts', () => {
    const { mesh, links } = startMesh(2);
    mesh.setPeers([1, 2]);
    for (const attempt of [0, 2, 1, 1]) mesh.handleSignal(1, answer(attempt));
    expect(links[0]!.signals.map(({ type }) => type)).toEqual(['answer']);
  });

  test('candidates wait for their description, and those of another attempt are left out', () => {
    const { mesh, links } = startMesh(2);
    mesh.setPeers([1, 2]);
    for (const fragment of ['remote', 'old']) mesh.handleSignal(1, candidate(fragment));
    expect(links[0]!.signals).toEqual([]);
    mesh.handleSignal(1, answer(1));
    mesh.handleSignal(1, candidate('old'));
    mesh.handleSignal(1, candidate('remote'));
    expect(links[0]!.signals.slice(1)).toEqual([candidate('remote'), candidate('remote')]);
  });

  test('nothing brings back a device that has left', () => {
    const { mesh, links } = startMesh(1);
    mesh.setPeers([1, 2]);
    mesh.setPeers([1]);
    mesh.handleSignal(2, offer(1));
    mesh.setPeers([1, 2]);
    expect(links).toEqual([]);
    expect(mesh.links).toEqual([]);
  });

  test('events of a connection that was replaced are not heard', () => {
    const { mesh, links, states } = startMesh(1);
    mesh.handleSignal(2, offer(1));
    mesh.handleSignal(2, offer(2));
    const before = states.length;
    links[0]!.events.onOpen();
    links[0]!.events.onClosed(new AppError('peer-lost', ''));
    expect(states).toHaveLength(before);
  });
});

describe('a link that does not come up', () => {
  test('the advice comes after 10 s, not before', () => {
    const { mesh, states, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    pass(9500);
    expect(states.map(({ state }) => state)).toEqual(['connecting']);
    pass(500);
    expect(states.at(-1)).toMatchObject({ state: 'failed', advice: expect.any(String) });
  });

  test('no answer at all: the tab sleeps', () => {
    const { mesh, links, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onSignal(candidate('mine'));
    pass(10_000);
    expect(mesh.links[0]!.advice).toContain('asleep');
  });

  test('an answer but no way through: Wi-Fi that keeps devices apart', () => {
    const { mesh, links, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onSignal(candidate('mine'));
    mesh.handleSignal(1, answer(1));
    pass(10_000);
    expect(mesh.links[0]!.advice).toMatch(/Wi-Fi.*hotspot/);
  });

  test('no address of our own: this browser blocks it', () => {
    const { mesh, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    mesh.handleSignal(1, answer(1));
    pass(10_000);
    expect(mesh.links[0]!.advice).toContain('VPN');
  });

  test('it is tried four times, and the advice stays until one of them works', () => {
    const { mesh, links, states, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    pass(200_000);
    expect(links.map(({ closed }) => closed)).toEqual([true, true, true, true]);
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'failed']);
    const late = startMesh(2);
    late.mesh.setPeers([1, 2]);
    late.pass(12_000);
    late.links[1]!.events.onOpen();
    expect(late.states.map(({ state }) => state)).toEqual(['connecting', 'failed', 'open']);
  });

  test('a browser without WebRTC gets advice instead of an exception', () => {
    const mesh = new Mesh({
      selfId: 2,
      iceServers: [],
      sendSignal: () => {},
      openLink: () => {
        throw new Error('no WebRTC');
      },
      events: { onControl: () => {}, onFrame: () => {}, onLinkState: () => {}, onLinkMeasured: () => {} },
    });
    mesh.setPeers([1, 2]);
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 500) mesh.tick(nowMs);
    expect(mesh.links).toEqual([{ peerId: 1, state: 'failed', advice: expect.stringContaining('WebRTC') }]);
  });
});

describe('an open link', () => {
  function openOne(selfId: number) {
    const tab = startMesh(selfId);
    const peerId = 2;
    tab.mesh.setPeers([selfId, peerId]);
    if (selfId < peerId) tab.mesh.handleSignal(peerId, offer(1));
    tab.links[0]!.events.onOpen();
    return { ...tab, link: tab.links[0]! };
  }

  test('beats go out with every tick, but not behind what is queued', () => {
    const { link, pass } = openOne(1);
    pass(2000);
    expect(link.beats).toBe(4);
    link.queuedBytes = 1;
    pass(1000, () => link.events.onActivity());
    expect(link.beats).toBe(4);
  });

  test('silence of more than 6 s breaks it, a piece of a frame now and then does not', () => {
    const { states, link, pass } = openOne(1);
    pass(20_000, () => link.events.onActivity());
    expect(states.at(-1)!.state).toBe('open');
    pass(6000);
    expect(states.at(-1)!.state).toBe('open');
    pass(500);
    expect(states.at(-1)!.state).toBe('connecting');
    expect(link.closed).toBe(true);
  });

  test('a tab that was frozen for a minute does not blame the others', () => {
    const { mesh, states } = openOne(1);
    mesh.tick(60_000);
    mesh.tick(60_500);
    expect(states.at(-1)!.state).toBe('open');
  });

  test('one that flaps is given up, one that was stable gets all of its attempts anew', () => {
    const flapping = openOne(3);
    for (let i = 0; i < 10; i++) {
      flapping.links.at(-1)!.events.onOpen();
      flapping.links.at(-1)!.events.onClosed(new AppError('peer-lost', ''));
      flapping.pass(25_000);
    }
    expect(flapping.links).toHaveLength(4);
    const stable = openOne(3);
    for (let i = 0; i < 10; i++) {
      stable.links.at(-1)!.events.onOpen();
      stable.pass(12_000, () => stable.links.at(-1)!.events.onActivity());
      stable.links.at(-1)!.events.onClosed(new AppError('peer-lost', ''));
      stable.pass(1500);
    }
    expect(stable.links).toHaveLength(11);
  });

  test('beats and probes stay in the mesh, the rest goes to the pipeline', () => {
    const { link, control } = openOne(1);
    link.receive({ kind: 'beat' });
    link.receive({ kind: 'probe', id: 7, ack: true, padding: 'xx' });
    link.receive({ kind: 'probe', id: 8, ack: false, padding: 'xx' });
    link.receive({ kind: 'probe-ack', id: 9 });
    link.receive({ kind: 'free', sequence: 3 });
    expect(control).toEqual([{ from: 2, kind: 'free' }]);
    expect(link.sent).toEqual(['{"kind":"probe-ack","id":7}']);
  });

  test('after closeAll every connection is closed and nothing is told or made', () => {
    const { mesh, link, states } = openOne(3);
    const before = states.length;
    mesh.closeAll();
    mesh.setPeers([1, 2, 3]);
    mesh.handleSignal(4, offer(1));
    expect(link.closed).toBe(true);
    expect(states).toHaveLength(before);
    expect(mesh.links).toEqual([]);
    expect(() => mesh.send(2, 'x')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
  });
});

describe('probing', () => {
  /** Answers every probe of this link until it is measured. */
  async function answerAll(link: FakeLink, done: () => boolean): Promise<void> {
    for (let answered = 0; !done(); await Promise.resolve()) {
      const ids = link.probes;
      for (; answered < ids.length; answered++) link.receive({ kind: 'probe-ack', id: ids[answered]! });
    }
  }

  test('links are probed one after another by the larger id', async () => {
    const { mesh, links, measured } = startMesh(3);
    mesh.setPeers([1, 2, 3]);
    for (const link of links) link.events.onOpen();
    expect(links.map((link) => link.probes.length)).toEqual([1, 0]);
    await answerAll(links[0]!, () => measured.length === 1);
    await answerAll(links[1]!, () => measured.length === 2);
    expect(measured).toEqual([1, 2]);
    const smaller = startMesh(1);
    smaller.mesh.handleSignal(2, offer(1));
    smaller.links[0]!.events.onOpen();
    expect(smaller.links[0]!.sent).toEqual([]);
  });

  test('a large probe is one piece to the byte', async () => {
    const { mesh, links, measured } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onOpen();
    await answerAll(links[0]!, () => measured.length === 1);
    const sizes = links[0]!.sent.map((data) => (data as string).length);
    expect(sizes.filter((bytes) => bytes > 100).every((bytes) => bytes === 4095 || bytes === 4096)).toBe(true);
    // Answers that take no time ask for the bursts: 8 large pings and twice 32 sends.
    expect(sizes.filter((bytes) => bytes > 100)).toHaveLength(72);
  });

  test('a device that never answers, or goes, does not hold up the others', async () => {
    const { mesh, links, measured, pass } = startMesh(4);
    mesh.setPeers([1, 2, 3, 4]);
    for (const link of links) link.events.onOpen();
    pass(15_000, () => {
      for (const link of links) link.events.onActivity();
    });
    await expect.poll(() => links[1]!.probes.length).toBe(1);
    mesh.peerLeft(2);
    await expect.poll(() => links[2]!.probes.length).toBe(1);
    await answerAll(links[2]!, () => measured.length === 1);
    expect(measured).toEqual([3]);
  });
});
