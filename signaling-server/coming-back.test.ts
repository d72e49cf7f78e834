import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedOf } from '../src/shared/protocol/room-seed.ts';
import { type ClientRequest, type Joined, PROTOCOL_VERSION, type RoomState } from '../src/shared/protocol/signaling.ts';
import type { AppOptions, TransportName } from './app.ts';
import { randomHostKey } from './room-code.ts';
import { startTestApp, type TestApp, type TestTab } from './testing/app.ts';

const TIMES: AppOptions['times'] = { stateMs: 10 };

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ times: TIMES });
});
afterAll(() => app.close());

const refused = (code: string) => ({ ok: false, error: { code, message: expect.any(String) } });

async function newRoom(host: TestTab) {
  const [made, tabKey] = [
    await host.ask('room:create', { version: PROTOCOL_VERSION, settings: {}, passphrase: null }),
    randomHostKey(),
  ];
  const joined = await host.join(made.code, { hostKey: made.hostKey, tabKey, chats: true });
  return { ...made, tabKey, joined };
}

function resumption(joined: Joined, own: { tabKey: string; hostKey: string | null }): ClientRequest<'room:resume'> {
  const { room, peerId } = joined;
  const { donates, chats, name } = room.peers.find((peer) => peer.peerId === peerId)!;
  const identity = { code: room.code, joinKey: room.joinKey, passphrase: null, name, donates, chats };
  return { version: PROTOCOL_VERSION, ...identity, ...own, peerId, room: seedOf(room) };
}

describe.each<TransportName[][]>([[['websocket']], [['polling']]])('over %s', (transports) => {
  test('a tab whose connection broke is away for the others, and comes back to its own place', async () => {
    const [host, guest, again] = [app.connect(transports), app.connect(transports), app.connect(transports)];
    const room = await newRoom(host);
    const tabKey = randomHostKey();
    const joined = await guest.join(room.code, { joinKey: room.joinKey, tabKey });
    const connectedIn = (state: RoomState) => state.peers.find(({ peerId }) => peerId === joined.peerId)?.connected;
    guest.socket.io.engine.close();
    await host.roomOnce(room.joined.room, (state) => connectedIn(state) === false);
    expect(host.messages('peer:left')).toEqual([]);
    const back = await again.ask('room:resume', resumption(joined, { tabKey, hostKey: null }));
    expect(back).toMatchObject({ peerId: joined.peerId, isHost: false });
    await host.roomOnce(room.joined.room, (state) => connectedIn(state) === true && state.peers.length === 2);
    expect(host.messages('peer:left')).toEqual([]);
  });

  test('a room outlives its server: its tabs find their places, and rights need the old key', async () => {
    const before = await startTestApp({ times: TIMES });
    const [host, guest] = [before.connect(transports), before.connect(transports)];
    const room = await newRoom(host);
    const tabKey = randomHostKey();
    const joined = await guest.join(room.code, { joinKey: room.joinKey, tabKey });
    await before.close();

    const after = await startTestApp({ times: TIMES });
    const [first, second] = [after.connect(transports), after.connect(transports)];
    const guestBack = await first.ask('room:resume', resumption(joined, { tabKey, hostKey: null }));
    expect(guestBack).toMatchObject({ peerId: joined.peerId, isHost: false });
    expect(await first.send('room:settings', guestBack.room.settings)).toEqual(refused('not-host'));
    // It knows the room as it was before the guest came: that the server has it already counts.
    const hostBack = await second.ask('room:resume', resumption(room.joined, { tabKey: room.tabKey, hostKey: room.hostKey }));
    expect(hostBack).toMatchObject({ peerId: room.joined.peerId, isHost: true });
    expect(hostBack.room.peers.map(({ peerId, connected }) => [peerId, connected])).toEqual([
      [room.joined.peerId, true],
      [joined.peerId, true],
    ]);
    expect(await second.send('room:settings', hostBack.room.settings)).toEqual({ ok: true, value: {} });
    await after.close();
  });

  test('a connection whose tab has come back over another one speaks for nobody', async () => {
    const [host, guest, again] = [app.connect(transports), app.connect(transports), app.connect(transports)];
    const room = await newRoom(host);
    const tabKey = randomHostKey();
    const joined = await guest.join(room.code, { joinKey: room.joinKey, tabKey });
    await again.ask('room:resume', resumption(joined, { tabKey, hostKey: null }));
    const link = { to: room.joined.peerId, link: null };
    expect(await guest.send('link:report', link)).toEqual(refused('not-joined'));
    expect(await again.send('link:report', link)).toEqual({ ok: true, value: {} });
  });

  test('somebody who knocks does one thing at a time, and is let in by a host', async () => {
    const [host, guest] = [app.connect(transports), app.connect(transports)];
    const room = await newRoom(host);
    const entering = guest.join(room.code);
    const { knocks } = await host.roomOnce(room.joined.room, (state) => state.knocks.length === 1);
    await expect(guest.join(room.code, { joinKey: room.joinKey })).rejects.toThrow(/bad-message/);
    await host.ask('room:allow', { knockId: knocks[0]!.knockId, allow: true });
    expect(await entering).toMatchObject({ isHost: false, room: { knocks: [] } });
  });
});

describe('a page of another version', () => {
  const ofOldPage = { code: 'ABCDE', hostKey: null, tabKey: 't'.repeat(32), name: 'x', donates: true, chats: true };

  test.each(['room:create', 'room:join', 'room:resume'])('is told by %s to reload, whatever else it says', async (event) => {
    const tab = app.connect();
    expect(await tab.send(event, { version: PROTOCOL_VERSION + 1, news: true })).toEqual(refused('version-mismatch'));
    const answer = await tab.send(event, ofOldPage);
    expect(answer).toMatchObject({ ok: false, error: { code: 'bad-message' } });
    expect(answer).toHaveProperty('error.message', expect.stringMatching(/^this page is older than its server: reload it/));
  });
});

test('messages that do not fit are logged once for each kind, without what they say, and counted at the end', async () => {
  const { log, connect, close } = await startTestApp();
  const tab = connect();
  for (const event of ['beat', 'beat', 'a secret', 'another']) await tab.send(event, { secret: 'a secret' });
  tab.socket.disconnect();
  await expect.poll(() => log.length).toBe(3);
  expect(log.map(({ event, refused: counts }) => event ?? counts)).toEqual(['beat', 'unknown', { beat: 2, unknown: 2 }]);
  expect(JSON.stringify(log)).not.toContain('secret');
  await close();
});

test('behind a proxy that is trusted, tries are counted for whom it saw, not for what they say themselves', async () => {
  const proxied = await startTestApp({ trustProxy: true });
  const guess = (header: string) =>
    new Promise<string>((resolve) => {
      const socket = io(proxied.url, { transports: ['websocket'], forceNew: true, extraHeaders: { 'X-Forwarded-For': header } });
      const request = { version: PROTOCOL_VERSION, ...identity };
      socket.emit('room:join', request, (result: { error: { code: string } }) => {
        socket.disconnect();
        resolve(result.error.code);
      });
    });
  const codes: string[] = [];
  for (let i = 0; i < 31; i++) codes.push(await guess(`10.0.0.${i}, 192.0.2.1`));
  expect([...new Set(codes.slice(0, 30)), codes[30]]).toEqual(['room-not-found', 'too-many-tries']);
  expect(await guess('192.0.2.2')).toBe('room-not-found');
  await proxied.close();
});

const identity: Omit<ClientRequest<'room:join'>, 'version'> = {
  code: 'ZZZZ9',
  hostKey: null,
  joinKey: null,
  passphrase: null,
  tabKey: 't'.repeat(32),
  name: 'x',
  donates: false,
  chats: false,
};
