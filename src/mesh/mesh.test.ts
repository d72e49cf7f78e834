import { describe, expect, test } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { MAX_BAD_MESSAGES, Mesh } from './mesh.ts';
import { answer, candidate, type FakeLink, offer, startMesh } from './testing/scripted-mesh.ts';

describe('a link that does not come up', () => {
  test('the advice comes after 10 s, not before', () => {
    const { mesh, states, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    pass(9500);
    expect(states.map(({ state }) => state)).toEqual(['connecting']);
    pass(500);
    expect(states.at(-1)).toMatchObject({ state: 'failed', advice: { code: 'no-address' } });
  });

  test('no answer at all: the tab sleeps', () => {
    const { mesh, links, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onSignal(candidate('mine'));
    pass(10_000);
    expect(mesh.links[0]!.advice).toEqual({ code: 'no-answer', waitedMs: 10_000 });
  });

  test('an answer but no way through: Wi-Fi that keeps devices apart', () => {
    const { mesh, links, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onSignal(candidate('mine'));
    mesh.handleSignal(1, answer(1));
    pass(10_000);
    expect(mesh.links[0]!.advice).toEqual({ code: 'no-way-through', waitedMs: 10_000 });
  });

  test('no address of our own: this browser blocks it', () => {
    const { mesh, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    mesh.handleSignal(1, answer(1));
    pass(10_000);
    expect(mesh.links[0]!.advice).toEqual({ code: 'no-address' });
  });

  test('it is tried for as long as both are there, slowly after a while, and the advice stays until one attempt works', () => {
    const { mesh, links, states, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    pass(60_000);
    expect(links).toHaveLength(4);
    pass(10 * 60_000);
    expect(links).toHaveLength(4 + 15);
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'failed']);
    pass(40_000);
    links.at(-1)!.events.onOpen();
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'failed', 'open']);
    mesh.peerLeft(1);
    pass(60_000);
    expect(links.at(-1)!.closed).toBe(true);
  });

  test('while the server is gone it is neither tried nor blamed, and tried at once when the server is back', () => {
    const { mesh, links, states, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    mesh.serverGone();
    pass(120_000);
    expect(links).toHaveLength(1);
    expect(states.map(({ state }) => state)).toEqual(['connecting']);
    mesh.serverBack([]);
    expect(links).toHaveLength(2);
    pass(10_000);
    expect(states.at(-1)!.state).toBe('failed');
    pass(1000);
    expect(links).toHaveLength(3);
  });

  test('later ones use the address services that a server names when it is back: users of the first may have expired', () => {
    const { mesh, iceServers, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    mesh.serverGone();
    const turn = { urls: 'turn:a', username: 'later', credential: 'c' };
    mesh.serverBack([turn]);
    pass(1000);
    expect(iceServers).toEqual([[], [turn]]);
  });

  test('attempts that waited long for their turn start at once when the server is back', () => {
    const { mesh, links, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    pass(70_000);
    expect(links.at(-1)!.closed).toBe(true);
    const tried = links.length;
    mesh.serverBack([]);
    expect(links).toHaveLength(tried + 1);
  });

  test('a browser without WebRTC gets advice instead of an exception', () => {
    const mesh = new Mesh({
      selfId: 2,
      iceServers: [],
      sendSignal: () => {},
      openLink: () => {
        throw new Error('no WebRTC');
      },
      events: {
        onControl: () => {},
        onFrame: () => {},
        onBulk: () => {},
        onBadMessage: () => {},
        onLinkState: () => {},
        onLinkMeasured: () => {},
      },
    });
    mesh.setPeers([1, 2]);
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 500) mesh.tick(nowMs);
    expect(mesh.links).toEqual([{ peerId: 1, state: 'failed', advice: { code: 'no-address' } }]);
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

  test('messages that do not fit the protocol end it when many come at once, not over hours', () => {
    const { states, link, pass, badMessages } = openOne(1);
    for (let i = 0; i < 3 * MAX_BAD_MESSAGES; i++) {
      link.events.onMessage('{"kind":"nonsense"}');
      pass(30_000, () => link.events.onActivity());
    }
    expect(states.at(-1)!.state).toBe('open');
    for (let i = 0; i < MAX_BAD_MESSAGES; i++) link.events.onMessage('{"kind":"nonsense"}');
    expect(states.at(-1)!.state).toBe('failed');
    expect(badMessages).toHaveLength(4 * MAX_BAD_MESSAGES);
  });

  test('silence of more than 6 s breaks it, a fragment of a frame now and then does not', () => {
    const { states, link, pass } = openOne(1);
    pass(20_000, () => link.events.onActivity());
    expect(states.at(-1)!.state).toBe('open');
    pass(6000);
    expect(states.at(-1)!.state).toBe('open');
    pass(500);
    expect(states.at(-1)!.state).toBe('connecting');
    expect(link.closed).toBe(true);
  });

  test('silence of more than 2 s breaks that of a device which the server has lost too', () => {
    const { mesh, states, link, pass } = openOne(1);
    mesh.setAway([2]);
    pass(20_000, () => link.events.onActivity());
    pass(2000);
    expect(states.at(-1)!.state).toBe('open');
    pass(500);
    expect(states.at(-1)!.state).toBe('connecting');
  });

  test('a device that the server has found again has the longer time again', () => {
    const { mesh, states, pass } = openOne(1);
    mesh.setAway([2]);
    mesh.setAway([]);
    pass(6000);
    expect(states.at(-1)!.state).toBe('open');
  });

  test('the loss of the server touches no open link, also not when the server is back', () => {
    const { mesh, links, link, states, pass } = openOne(3);
    mesh.serverGone();
    pass(60_000, () => link.events.onActivity());
    mesh.serverBack([]);
    expect(link.closed).toBe(false);
    expect(links).toHaveLength(1);
    expect(states.at(-1)!.state).toBe('open');
  });

  test('one that breaks while the server is gone is made anew as soon as the server is back', () => {
    const { mesh, links, states, pass } = openOne(3);
    mesh.serverGone();
    links[0]!.events.onClosed(new AppError('peer-lost', ''));
    pass(60_000);
    expect(links).toHaveLength(1);
    mesh.serverBack([]);
    links[1]!.events.onOpen();
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'open', 'connecting', 'open']);
  });

  test.each([3, 1])('one that is congested breaks and is made anew, at either end (device %i)', (selfId) => {
    const { mesh, links, link, states, pass } = openOne(selfId);
    link.isCongested = true;
    expect(() => mesh.send(2, 'x')).toThrow(expect.objectContaining({ code: 'link-congested' }));
    expect(link.closed).toBe(true);
    expect(states.at(-1)!.state).toBe('connecting');
    expect(() => mesh.send(2, 'x')).toThrow(expect.objectContaining({ code: 'peer-lost' }));
    pass(1000);
    if (selfId < 2) mesh.handleSignal(2, offer(2));
    links[1]!.events.onOpen();
    expect(states.at(-1)!.state).toBe('open');
    mesh.send(2, 'x');
    expect(links[1]!.sent).toContain('x');
  });

  test('a tab that was frozen for a minute does not blame the others', () => {
    const { mesh, states } = openOne(1);
    mesh.tick(60_000);
    mesh.tick(60_500);
    expect(states.at(-1)!.state).toBe('open');
  });

  test('one that flaps is tried slowly, one that was stable gets its quick attempts anew', () => {
    const flapping = openOne(3);
    for (const delayMs of [1000, 5000, 20_000, 30_000, 30_000]) {
      const tried = flapping.links.length;
      flapping.links.at(-1)!.events.onOpen();
      flapping.links.at(-1)!.events.onClosed(new AppError('peer-lost', ''));
      flapping.pass(delayMs - 500);
      expect(flapping.links).toHaveLength(tried);
      flapping.pass(500);
      expect(flapping.links).toHaveLength(tried + 1);
    }
    const stable = openOne(3);
    for (let i = 0; i < 10; i++) {
      stable.links.at(-1)!.events.onOpen();
      stable.pass(12_000, () => stable.links.at(-1)!.events.onActivity());
      stable.links.at(-1)!.events.onClosed(new AppError('peer-lost', ''));
      stable.pass(1500);
    }
    expect(stable.links).toHaveLength(11);
  });

  test('bytes that are no frame end it for good', () => {
    const { mesh, links, link, pass } = openOne(3);
    link.events.onClosed(new AppError('frame-malformed', ''));
    pass(60_000);
    expect(links).toHaveLength(1);
    expect(mesh.links[0]).toMatchObject({ state: 'failed', advice: { code: 'other-protocol' } });
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

  test('what was measured is told once, also when the server was away', async () => {
    const { mesh, links, measured } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onOpen();
    await answerAll(links[0]!, () => measured.length === 1);
    mesh.serverGone();
    mesh.serverBack([]);
    expect(measured).toEqual([1]);
  });

  test('a large probe is one fragment to the byte', async () => {
    const { mesh, links, measured } = startMesh(2);
    mesh.setPeers([1, 2]);
    links[0]!.events.onOpen();
    await answerAll(links[0]!, () => measured.length === 1);
    const sizes = links[0]!.sent.map((data) => (data as string).length);
    expect(sizes.filter((bytes) => bytes > 100).every((bytes) => bytes === 4095 || bytes === 4096)).toBe(true);
    // Answers that take no time ask for the bursts: 8 large pings and twice 32 sends.
    expect(sizes.filter((bytes) => bytes > 100)).toHaveLength(72);
  });

  test('a link that could not be measured is probed again, and its late answers are not taken for new ones', async () => {
    const { mesh, links, measured, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    const [link] = links;
    link!.events.onOpen();
    const [late] = link!.probes;
    const alive = () => link!.events.onActivity();
    pass(15_000, alive);
    await Promise.resolve();
    for (let tries = 2; tries < 5; tries++) {
      await expect.poll(() => pass(500, alive) ?? link!.probes.length, { interval: 0 }).toBe(tries);
      link!.receive({ kind: 'probe-ack', id: late! });
      await Promise.resolve();
      expect(link!.probes).toHaveLength(tries);
      if (tries < 4) pass(15_000, alive);
    }
    await answerAll(link!, () => measured.length === 1);
    expect(measured).toEqual([1]);
  });

  test('a measured link is measured again in calm, and then now and then, but never beside an answer', async () => {
    const { mesh, links, measured, pass } = startMesh(2);
    mesh.setPeers([1, 2]);
    const [link] = links;
    link!.events.onOpen();
    const alive = () => link!.events.onActivity();
    const answering = () => {
      alive();
      link!.events.onMessage(new ArrayBuffer(8));
    };
    await answerAll(link!, () => measured.length === 1);
    const once = link!.probes.length;
    pass(60_000, answering);
    expect(link!.probes).toHaveLength(once);
    pass(5000, alive);
    await answerAll(link!, () => measured.length === 2);
    pass(100_000, alive);
    expect(link!.probes).toHaveLength(2 * once);
    pass(25_000, alive);
    await answerAll(link!, () => measured.length === 3);
    expect(measured).toEqual([1, 1, 1]);
  });

  test('probes go the whole way of an activation: through the pipeline at both ends', async () => {
    const waiting: (() => void)[] = [];
    const { mesh, links, measured } = startMesh(2, (act) => waiting.push(act));
    mesh.setPeers([1, 2]);
    const [link] = links;
    link!.events.onOpen();
    link!.receive({ kind: 'probe', id: 7, ack: true, padding: '' });
    expect(link!.sent).not.toContain('{"kind":"probe-ack","id":7}');
    waiting.shift()!();
    expect(link!.sent).toContain('{"kind":"probe-ack","id":7}');
    link!.receive({ kind: 'probe-ack', id: link!.probes[0]! });
    await Promise.resolve();
    expect(link!.probes).toHaveLength(1);
    waiting.shift()!();
    await expect.poll(() => link!.probes.length).toBe(2);
    expect(measured).toEqual([]);
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
