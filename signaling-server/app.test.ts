import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { MAX_SIGNALING_BYTES, PROTOCOL_VERSION, serverEvents } from '../src/shared/protocol/signaling.ts';
import type { TransportName } from './app.ts';
import { randomHostKey } from './room-code.ts';
import { startTestApp, type TestApp, type TestTab } from './testing/app.ts';
import { tinyProfile, tinySpec } from './testing/room.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ times: { settleMs: 10, unmeasuredMs: 500, stateMs: 10, progressMs: 10 } });
});
afterAll(() => app.close());

async function newRoom(host: TestTab, tabKey = randomHostKey()) {
  const made = await host.ask('room:create', { version: PROTOCOL_VERSION, settings: {}, passphrase: null });
  const joined = await host.join(made.code, { hostKey: made.hostKey, tabKey, chats: true });
  return { ...made, ...joined, link: { joinKey: made.joinKey } };
}

const identity = {
  version: PROTOCOL_VERSION,
  code: 'ABCDE',
  hostKey: null,
  joinKey: null,
  passphrase: null,
  tabKey: 't'.repeat(32),
  name: 'x',
  donates: true,
  chats: true,
};

const refused = (code: string) => ({ ok: false, error: { code, message: expect.any(String) } });

describe.each<TransportName[][]>([[['websocket']], [['polling']]])('over %s', (transports) => {
  test('a room is made, measured, planned, loaded, activated, and mended when a stage leaves', async () => {
    const [host, donor, spare] = [app.connect(transports), app.connect(transports), app.connect(transports)];
    const room = await newRoom(host);
    expect(room).toMatchObject({ peerId: 1, isHost: true, iceServers: [] });
    const { peerId } = await donor.join(room.code, { ...room.link, donates: true });
    await host.ask('room:model', { modelUrl: DEFAULT_MODEL_URL, spec: tinySpec });
    await donor.ask('peer:profile', { profile: tinyProfile(1e9), origin: 'measured' });
    await donor.ask('link:report', { to: 1, link: { rttMs: 2, linkMbps: 50 } });
    const { plan } = await donor.hear('plan:prepare');
    expect(plan.stages).toEqual([{ peerId, layers: { startLayer: 0, endLayer: 4 }, head: true }]);
    await donor.ask('peer:progress', { epoch: plan.epoch, loadedBytes: 10, shardBytes: 20 });
    await donor.ask('plan:ready', { epoch: plan.epoch });
    expect(await host.hear('plan:activate')).toEqual({ epoch: plan.epoch });
    await host.ask('plan:moved', { epoch: plan.epoch });
    const active = await host.roomOnce(room.room, ({ plan, peers }) => plan !== null && peers[1]!.progress !== null);
    expect(active.peers.find((p) => p.peerId === peerId)?.progress).toEqual({ loadedBytes: 10, shardBytes: 20 });

    const late = await spare.join(room.code, { ...room.link, donates: true });
    expect(late.room.plan).toEqual(plan);
    donor.socket.disconnect();
    expect(await host.hear('peer:left')).toEqual({ peerId });
    await host.hear('room:change', (change) => change.plan === null);
    await spare.ask('peer:profile', { profile: tinyProfile(1e9), origin: 'measured' });
    await spare.ask('link:report', { to: 1, link: { rttMs: 2, linkMbps: 50 } });
    const next = await spare.hear('plan:prepare');
    expect(next.plan.epoch).toBeGreaterThan(plan.epoch);
    for (const change of host.messages('room:change')) expect(v.is(serverEvents['room:change'], change)).toBe(true);
  });

  test('a newcomer hears of the plan in preparation after it has its answer, never before', async () => {
    const [host, donor, late] = [app.connect(transports), app.connect(transports), app.connect(transports)];
    const room = await newRoom(host);
    await donor.join(room.code, { joinKey: room.joinKey, donates: true });
    await host.ask('room:model', { modelUrl: DEFAULT_MODEL_URL, spec: tinySpec });
    await donor.ask('peer:profile', { profile: tinyProfile(1e9), origin: 'measured' });
    await donor.ask('link:report', { to: 1, link: { rttMs: 2, linkMbps: 50 } });
    await donor.hear('plan:prepare');
    const heard: string[] = [];
    late.socket.onAny((event: string) => heard.push(event));
    const request = { ...identity, code: room.code, joinKey: room.joinKey };
    late.socket.emit('room:join', request, () => heard.push('answer'));
    await late.hear('plan:prepare');
    expect(heard.slice(0, 2)).toEqual(['answer', 'plan:prepare']);
  });

  test('signals pass between two tabs of a room', async () => {
    const [a, b] = [app.connect(transports), app.connect(transports)];
    const { code, link } = await newRoom(a);
    const { peerId } = await b.join(code, link);
    const data = { type: 'offer', sdp: 'v=0' } as const;
    await a.ask('signal', { to: peerId, data });
    expect(await b.hear('signal')).toEqual({ from: 1, data });
  });
});

describe('two rooms', () => {
  test('do not hear each other, though their tabs have the same ids', async () => {
    const [a1, a2, b1, b2] = [app.connect(), app.connect(), app.connect(), app.connect()];
    const roomA = await newRoom(a1);
    const roomB = await newRoom(b1);
    await a2.join(roomA.code, roomA.link);
    await b2.join(roomB.code, roomB.link);
    await a1.ask('signal', { to: 2, data: { type: 'answer', sdp: '' } });
    await a2.hear('signal');
    await a2.ask('room:leave', {});
    await a1.hear('peer:left');
    // Whatever was on its way to the other room is there before this answer.
    await b1.ask('signal', { to: 2, data: { type: 'offer', sdp: '' } });
    await b2.hear('signal');
    await b2.ask('beat', {});
    expect(b2.messages('signal')).toEqual([{ from: 1, data: { type: 'offer', sdp: '' } }]);
    expect([...b1.messages('peer:left'), ...b2.messages('peer:left')]).toEqual([]);
  });
});

describe('a tab that sends nonsense gets an error and keeps its place', () => {
  test.each<[string, string, unknown, string]>([
    ['an unknown message', 'room:explode', {}, 'bad-message'],
    ['the name of an inherited property', 'constructor', {}, 'bad-message'],
    ['no payload', 'beat', undefined, 'bad-message'],
    ['an unknown field', 'beat', { extra: 1 }, 'bad-message'],
    ['a code of another form', 'room:join', { ...identity, code: 'abc' }, 'bad-message'],
    [
      'a number that is none',
      'peer:profile',
      { profile: { ...tinyProfile(1), headMs: 'fast' }, origin: 'measured' },
      'bad-message',
    ],
    ['a negative time', 'link:report', { to: 1, link: { rttMs: -1, linkMbps: 1 } }, 'bad-message'],
    ['binary data', 'signal', { to: 1, data: Buffer.from([1, 2, 3]) }, 'bad-message'],
    ['a description that is too long', 'signal', { to: 1, data: { type: 'offer', sdp: 'x'.repeat(40_000) } }, 'bad-message'],
    ['a signal to itself', 'signal', { to: 1, data: { type: 'answer', sdp: '' } }, 'peer-not-found'],
    ['a second join', 'room:join', identity, 'bad-message'],
  ])('%s', async (_, event, request, code) => {
    const tab = app.connect();
    await newRoom(tab);
    expect(await tab.send(event, request)).toEqual(refused(code));
    expect(await tab.send('beat', {})).toEqual({ ok: true, value: {} });
  });

  test('before it has joined: not-joined; a room that does not exist: room-not-found', async () => {
    const tab = app.connect();
    for (const [event, request] of [
      ['beat', {}],
      ['room:leave', {}],
      ['signal', { to: 1, data: { type: 'answer', sdp: '' } }],
      ['plan:ready', { epoch: 1 }],
    ] as const) {
      expect(await tab.send(event, request)).toEqual(refused('not-joined'));
    }
    const nowhere = { ...identity, code: 'ZZZZ9' };
    expect(await tab.send('room:join', nowhere)).toMatchObject(refused('room-not-found'));
  });

  test('a guest that wants to be host: not-host', async () => {
    const [host, guest] = [app.connect(), app.connect()];
    const { code, room, link } = await newRoom(host);
    await guest.join(code, link);
    expect(await guest.send('room:settings', { ...room.settings, contextLength: 64 })).toEqual(refused('not-host'));
    expect(await host.send('room:settings', { ...room.settings, contextLength: 64 })).toEqual({ ok: true, value: {} });
  });

  test('without asking for an answer', async () => {
    const tab = app.connect();
    await newRoom(tab);
    tab.socket.emit('beat', {});
    tab.socket.emit('nonsense');
    expect(await tab.send('beat', {})).toEqual({ ok: true, value: {} });
  });

  test('too fast: rate-limited', async () => {
    const tab = app.connect();
    await newRoom(tab);
    const answers = await Promise.all(Array.from({ length: 600 }, () => tab.send('beat', {})));
    expect(answers.filter((answer) => answer.ok).length).toBeGreaterThan(300);
    expect(answers.at(-1)).toEqual(refused('rate-limited'));
  });

  test.each<TransportName>(['websocket', 'polling'])('too large over %s: only its own connection ends', async (transport) => {
    const [loud, other] = [app.connect([transport]), app.connect()];
    const { code, link, room } = await newRoom(loud);
    const known = await other.join(code, link);
    expect(known.room.peers).toHaveLength(room.peers.length + 1);
    const closed = new Promise((resolve) => loud.socket.on('disconnect', resolve));
    loud.socket.emit('signal', { to: 2, data: { type: 'offer', sdp: 'x'.repeat(MAX_SIGNALING_BYTES) } });
    await closed;
    await other.roomOnce(known.room, ({ peers }) => peers[0]?.connected === false);
    expect(await other.send('beat', {})).toEqual({ ok: true, value: {} });
  });
});

describe('the server', () => {
  test('tells a tab that falls silent, and the tab may have its place again', async () => {
    const quick = await startTestApp({ times: { beatTimeoutMs: 300, stateMs: 10 } });
    const tab = quick.connect();
    const tabKey = 't'.repeat(32);
    const { code } = await newRoom(tab, tabKey);
    expect((await tab.hear('dropped')).error.code).toBe('dropped');
    expect(await tab.send('beat', {})).toEqual(refused('not-joined'));
    expect((await tab.join(code, { tabKey })).peerId).toBe(1);
    await quick.close();
  });

  test('stops though tabs are still connected, and they notice', async () => {
    const stopping = await startTestApp();
    const tabs = [stopping.connect(['websocket']), stopping.connect(['polling'])];
    for (const tab of tabs) await newRoom(tab);
    const noticed = tabs.map((tab) => new Promise((resolve) => tab.socket.on('disconnect', resolve)));
    await stopping.stop();
    await Promise.all(noticed);
    await stopping.close();
  });

  test('offers only the transports that it is told to', async () => {
    const polling = await startTestApp({ transports: ['polling'] });
    const refusedTab = polling.connect(['websocket']);
    await new Promise((resolve) => refusedTab.socket.on('connect_error', resolve));
    const tab = polling.connect(['polling', 'websocket']);
    await newRoom(tab);
    expect(tab.socket.io.engine.transport.name).toBe('polling');
    await polling.close();
  });

  test('lets no page of another origin speak', async () => {
    const path = `${app.url}/socket.io/?EIO=4&transport=polling`;
    expect((await fetch(path, { headers: { Origin: 'http://elsewhere.example' } })).status).toBe(403);
    const own = await fetch(path, { headers: { Origin: app.url } });
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('names the operator’s own address services', async () => {
    const named = await startTestApp({ ice: { urls: ['stun:192.0.2.1:3478'], turn: null } });
    const { iceServers } = await newRoom(named.connect());
    expect(iceServers).toEqual([{ urls: 'stun:192.0.2.1:3478' }]);
    await named.close();
  });

  test('fails to start on a port that is taken, and leaves nothing open', async () => {
    await expect(startTestApp({ http: { host: '127.0.0.1', port: app.httpPort } })).rejects.toThrow(/EADDRINUSE/);
  });
});
