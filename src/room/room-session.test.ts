import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_SETTINGS } from '../shared/model/room-settings.ts';
import { seedOf } from '../shared/protocol/room-seed.ts';
import {
  HOST_KEY,
  inRoom,
  JOIN_KEY,
  joined,
  OTHER_KEY,
  peer,
  plan,
  roomOf,
  SPEC,
  stubStorage,
  TestRoomSession,
} from './testing/session.ts';

let stored: Map<string, string>;

beforeEach(() => {
  stored = stubStorage();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const serving = roomOf([peer(1), peer(2)], { model: SPEC, plan: plan(3) });
const profile = { lendBytes: 1e9 } as never;

describe('while the server is away', () => {
  test('links, worker and room stay as they are, and the tab says so', async () => {
    const test = await inRoom(serving);
    test.forgetAsked();
    await test.loseConnection();
    expect(test.view).toMatchObject({ phase: 'reconnecting', selfId: 1, error: null, room: serving });
    expect(test.toWorker).toEqual([]);
    expect(test.onLinks).toEqual(['serverGone']);
    expect(test.isTerminated).toBe(false);
  });

  test('what this tab tells waits, and is no error', async () => {
    const test = await inRoom(serving);
    test.fromWorker({ kind: 'moved', epoch: 3 });
    test.forgetAsked();
    await test.loseConnection();
    test.fromWorker({ kind: 'profile', profile, origin: 'measured', engineNote: { code: 'as-asked', engine: 'cpu' } });
    test.fromWorker({ kind: 'tick', nowMs: 5000 });
    await test.session.setDonates(false);
    expect(test.view.error).toBeNull();
    expect(test.signaling.asked).toEqual([]);
    test.signaling.connect(true);
    expect(test.signaling.asked.map(({ event }) => event)).toEqual(['room:resume']);
  });

  test('it tries again for as long as the page is open', async () => {
    const test = await inRoom(serving);
    for (let i = 0; i < 3; i++) {
      await test.loseConnection();
      test.signaling.connect(true);
      await test.refuse('room:resume', 'server-unreachable');
      expect(test.view.phase).toBe('reconnecting');
    }
    expect(test.signaling.reconnects).toBe(3);
    expect(test.view.error).toBeNull();
  });
});

describe('when the server is back', () => {
  async function back(reply = joined(1, serving)) {
    const test = await inRoom(serving);
    test.fromWorker({ kind: 'profile', profile, origin: 'measured', engineNote: { code: 'as-asked', engine: 'cpu' } });
    test.fromWorker({ kind: 'profile', profile, origin: 'served', engineNote: { code: 'as-asked', engine: 'cpu' } });
    test.fromWorker({ kind: 'model-opened', modelUrl: DEFAULT_SETTINGS.modelUrl, spec: SPEC });
    test.fromWorker({ kind: 'progress', epoch: 3, progress: { loadedBytes: 1, shardBytes: 2 } });
    test.fromWorker({ kind: 'progress', epoch: 3, progress: { loadedBytes: 2, shardBytes: 2 } });
    test.fromWorker({ kind: 'ready', epoch: 3 });
    await test.loseConnection();
    test.forgetAsked();
    test.signaling.connect(true);
    const asked = test.requests('room:resume')[0]!;
    await test.answer('room:resume', reply);
    return { test, asked };
  }

  test('the tab asks for its own place, with all that it knows of the room', async () => {
    stored.set('edgeshard.host.AB2CD', HOST_KEY);
    const { asked } = await back();
    expect(asked).toMatchObject({ code: 'AB2CD', peerId: 1, hostKey: HOST_KEY, joinKey: JOIN_KEY, name: 'Laptop' });
    expect(asked.room).toEqual(seedOf(serving));
  });

  test('the key of its place is the one that it joined with', async () => {
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    expect(test.requests('room:resume')[0]!.tabKey).toBe(test.requests('room:join')[0]!.tabKey);
    expect(test.requests('room:join')[0]!.tabKey).toHaveLength(32);
  });

  test('it waits for as long as somebody may have to let it in', async () => {
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    expect(test.last('room:resume').timeoutMs).toBe(70_000);
  });

  test('in its own place nothing is set up anew, and no plan is told twice', async () => {
    const { test } = await back();
    expect(test.view).toMatchObject({ phase: 'joined', selfId: 1, room: serving });
    expect(test.toWorker).toEqual([]);
    expect(test.onLinks).toEqual(['setPeers [1,2]', 'setAway [] false', 'serverBack []']);
  });

  test('the server is told again the latest of everything, in order', async () => {
    const { test } = await back();
    expect(test.signaling.asked.slice(1).map(({ event, payload }) => [event, payload])).toEqual([
      ['peer:profile', { profile, origin: 'measured' }],
      ['room:model', { modelUrl: DEFAULT_SETTINGS.modelUrl, spec: SPEC }],
      ['peer:progress', { epoch: 3, loadedBytes: 2, shardBytes: 2 }],
      ['plan:ready', { epoch: 3 }],
    ]);
  });

  test('a guest tells no model, and nobody a link to a device that has gone meanwhile', async () => {
    const test = await inRoom(serving);
    test.fromWorker({ kind: 'model-opened', modelUrl: DEFAULT_SETTINGS.modelUrl, spec: SPEC });
    for (const to of [2, 3]) test.tell('link:report', { to, link: null });
    await test.loseConnection();
    test.forgetAsked();
    test.signaling.connect(true);
    await test.answer('room:resume', joined(1, { ...serving, hosts: [] }));
    expect(test.view.isHost).toBe(false);
    expect(test.signaling.asked.slice(1).map(({ event, payload }) => [event, payload])).toEqual([
      ['link:report', { to: 2, link: null }],
    ]);
  });

  const link = { rttMs: 2, linkMbps: 100 };
  test.each([
    ['one measured is, while it is open', 'open', link, true, true],
    ['one measured is not, once it has broken', 'connecting', link, true, false],
    ['a broken one is, while it is broken', 'failed', null, true, true],
    ['a broken one is not, once it is open again', 'open', null, true, false],
    ['a broken one is not, while that device is not back: it would be taken for dead', 'failed', null, false, false],
  ] as const)('links are told again: %s', async (_, state, told, connected, isToldAgain) => {
    const test = await inRoom(serving);
    test.tell('link:report', { to: 2, link: told });
    test.showLinks([{ peerId: 2, state, advice: null }]);
    await test.loseConnection();
    test.forgetAsked();
    test.signaling.connect(true);
    await test.answer('room:resume', joined(1, { ...serving, peers: [peer(1), peer(2, { connected })] }));
    expect(test.requests('link:report')).toEqual(isToldAgain ? [{ to: 2, link: told }] : []);
  });

  test('a server that knows what was measured hears only the last change of it', async () => {
    const { test } = await back(joined(1, { ...serving, peers: [peer(1, { profile }), peer(2)] }));
    expect(test.requests('peer:profile')).toEqual([{ profile, origin: 'served' }]);
  });

  test('whoever left meanwhile has left', async () => {
    const { test } = await back(joined(1, { ...serving, peers: [peer(1)] }));
    expect(test.onLinks).toEqual(['peerLeft 2', 'setPeers [1]', 'setAway [] false', 'serverBack []']);
  });

  test('a plan that was made meanwhile is activated', async () => {
    const { test } = await back(joined(1, { ...serving, plan: plan(4) }));
    expect(test.kindsToWorker()).toEqual(['activate 4']);
  });

  test('what the server says before its answer is heard after it', async () => {
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    test.signaling.say('room:change', { peers: [peer(3)] });
    expect(test.view.room!.peers).toHaveLength(2);
    await test.answer('room:resume', joined(1, serving));
    expect(test.view.room!.peers.map(({ peerId }) => peerId)).toEqual([1, 2, 3]);
  });

  test('under another id everything is set up anew, and the plan is told again', async () => {
    const { test } = await back(joined(7, roomOf([peer(2), peer(7)], { model: SPEC, plan: plan(3) })));
    expect(test.view).toMatchObject({ phase: 'joined', selfId: 7, links: [], isHost: false });
    expect(test.kindsToWorker()).toEqual(['setup', 'model', 'activate 3']);
    expect(test.onLinks).toEqual(['open 7', 'setPeers [2,7]', 'setAway [] false']);
    expect(test.requests('peer:profile')).toEqual([]);
  });

  test.each(['rate-limited', 'server-full', 'too-many-tries', 'internal'] as const)(
    '%s may pass: all stays as it is, and the tab asks again in 3 s',
    async (code) => {
      vi.useFakeTimers();
      const test = await inRoom(serving);
      await test.loseConnection();
      test.signaling.connect(true);
      await test.refuse('room:resume', code);
      expect(test.view).toMatchObject({ phase: 'reconnecting', selfId: 1, error: null, room: serving });
      expect(test.isTerminated).toBe(false);
      vi.advanceTimersByTime(2999);
      expect(test.requests('room:resume')).toHaveLength(1);
      vi.advanceTimersByTime(1);
      expect(test.requests('room:resume')).toHaveLength(2);
      await test.answer('room:resume', joined(1, serving));
      expect(test.view.phase).toBe('joined');
    },
  );

  test('a refusal that does not pass in ten minutes ends the tab', async () => {
    vi.useFakeTimers();
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    for (let passedMs = 0; passedMs < 600_000; passedMs += 3000) {
      await test.refuse('room:resume', 'server-full');
      expect(test.view.phase).toBe('reconnecting');
      vi.advanceTimersByTime(3000);
    }
    await test.refuse('room:resume', 'server-full');
    expect(test.view).toMatchObject({ phase: 'ended', error: { code: 'server-full' } });
  });

  test('whose place is gone and whose link was renewed is told that a host is asked, and can give up', async () => {
    vi.useFakeTimers();
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    vi.advanceTimersByTime(1999);
    expect(test.view.phase).toBe('reconnecting');
    vi.advanceTimersByTime(1);
    expect(test.view).toMatchObject({ phase: 'asking', selfId: 1, room: serving });
    test.session.leave();
    await test.answer('room:resume', joined(7, serving));
    expect(test.view.phase).toBe('ended');
  });

  test('while a host is asked the server may go again: then nobody is asked any more', async () => {
    vi.useFakeTimers();
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    vi.advanceTimersByTime(2000);
    await test.loseConnection();
    expect(test.view.phase).toBe('reconnecting');
    test.signaling.connect(true);
    vi.advanceTimersByTime(2000);
    await test.refuse('room:resume', 'internal');
    expect(test.view.phase).toBe('reconnecting');
  });

  test('whoever leaves meanwhile asks no more', async () => {
    vi.useFakeTimers();
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    await test.refuse('room:resume', 'rate-limited');
    test.session.leave();
    vi.advanceTimersByTime(60_000);
    expect(test.requests('room:resume')).toHaveLength(1);
  });

  test('a refusal that will stay ends the tab with that reason', async () => {
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    await test.refuse('room:resume', 'room-full');
    expect(test.view).toMatchObject({ phase: 'ended', error: { code: 'room-full' } });
    expect(test.isTerminated).toBe(true);
    expect(test.signaling.isClosed).toBe(true);
  });

  test('a room that is not there is asked for until another tab must have brought it back, and then it ends the tab', async () => {
    vi.useFakeTimers();
    const test = await inRoom(serving);
    await test.loseConnection();
    test.signaling.connect(true);
    for (let waitedMs = 0; waitedMs < 21_000; waitedMs += 3000) {
      await test.refuse('room:resume', 'room-not-found');
      expect(test.view.phase).toBe('reconnecting');
      vi.advanceTimersByTime(3000);
    }
    await test.refuse('room:resume', 'room-not-found');
    expect(test.view).toMatchObject({ phase: 'ended', error: { code: 'room-not-found' } });
  });
});

describe('dropped', () => {
  test('as asleep, the tab comes back at once', async () => {
    const test = await inRoom(serving);
    test.forgetAsked();
    test.signaling.say('dropped', { error: { code: 'dropped', message: 'silent for 20 s' } });
    expect(test.view.phase).toBe('reconnecting');
    expect(test.requests('room:resume')).toHaveLength(1);
    expect(test.onLinks).toEqual(['serverGone']);
  });

  test('as removed by a host, it ends and says so', async () => {
    const test = await inRoom(serving);
    test.signaling.say('dropped', { error: { code: 'removed', message: 'the host has removed this device' } });
    expect(test.view).toMatchObject({ phase: 'ended', error: { code: 'removed' } });
    expect(test.requests('room:resume')).toEqual([]);
  });
});

describe('being let in', () => {
  function knocking() {
    const test = new TestRoomSession({ joinKey: null });
    test.signaling.connect(true);
    return test;
  }

  test('with the link nobody is asked', () => {
    const test = new TestRoomSession();
    test.signaling.connect(true);
    expect(test.view.phase).toBe('connecting');
    expect(test.requests('room:join')[0]).toMatchObject({ joinKey: JOIN_KEY, hostKey: null, passphrase: null });
  });

  test('a browser that was there before has the key, and the link that it came by is newer', () => {
    stored.set('edgeshard.join.AB2CD', OTHER_KEY);
    const typed = new TestRoomSession({ joinKey: null });
    typed.signaling.connect(true);
    expect(typed.requests('room:join')[0]!.joinKey).toBe(OTHER_KEY);
    const linked = new TestRoomSession();
    linked.signaling.connect(true);
    expect(linked.requests('room:join')[0]!.joinKey).toBe(JOIN_KEY);
  });

  test('with the code alone the tab asks, longer than anybody is waited for, and keeps the key that it gets', async () => {
    const test = knocking();
    expect(test.view.phase).toBe('asking');
    expect(test.last('room:join').timeoutMs).toBe(70_000);
    await test.answer('room:join', joined(1, serving));
    expect(test.view.phase).toBe('joined');
    expect(stored.get('edgeshard.join.AB2CD')).toBe(JOIN_KEY);
  });

  test('with the link of before it was renewed the tab asks too, and says so when no answer comes', async () => {
    vi.useFakeTimers();
    const test = new TestRoomSession();
    test.signaling.connect(true);
    vi.advanceTimersByTime(1999);
    expect(test.view.phase).toBe('connecting');
    vi.advanceTimersByTime(1);
    expect(test.view.phase).toBe('asking');
    await test.answer('room:join', joined(1, serving));
    expect(test.view.phase).toBe('joined');
  });

  test('a tab that was never in the room hears at once that the server is busy', async () => {
    const test = knocking();
    await test.refuse('room:join', 'rate-limited');
    expect(test.view).toMatchObject({ phase: 'ended', error: { code: 'rate-limited' } });
  });

  test.each(['not-allowed', 'nobody-allows'] as const)('%s is why it is not in the room', async (code) => {
    const test = knocking();
    await test.refuse('room:join', code);
    expect(test.view).toMatchObject({ phase: 'ended', error: { code } });
  });

  test('a connection that breaks while it asks is made again, and it asks again', async () => {
    const test = knocking();
    await test.loseConnection();
    expect(test.view.phase).toBe('connecting');
    test.signaling.connect(true);
    expect(test.requests('room:join')).toHaveLength(2);
    expect(test.view.phase).toBe('asking');
  });

  test('a passphrase is asked for until it is right, and is told again with every coming back', async () => {
    const test = new TestRoomSession();
    test.signaling.connect(true);
    await test.refuse('room:join', 'passphrase-needed');
    expect(test.view).toMatchObject({ phase: 'passphrase', error: { code: 'passphrase-needed' } });
    test.session.givePassphrase('open barley');
    expect(test.view.error).toBeNull();
    await test.refuse('room:join', 'passphrase-wrong');
    expect(test.view).toMatchObject({ phase: 'passphrase', error: { code: 'passphrase-wrong' } });
    test.session.givePassphrase('open sesame');
    await test.answer('room:join', joined(1, serving));
    expect(test.view).toMatchObject({ phase: 'joined', error: null });
    await test.loseConnection();
    test.signaling.connect(true);
    expect(test.requests('room:resume')[0]!.passphrase).toBe('open sesame');
  });

  test('whoever gives up is let in no more', async () => {
    const test = knocking();
    test.session.leave();
    await test.answer('room:join', joined(1, serving));
    expect(test.view).toMatchObject({ phase: 'ended', error: null });
    expect(test.toWorker).toEqual([]);
  });
});

describe('rights', () => {
  test('every tab of the list has them; one that gets them tells the model', async () => {
    const test = await inRoom(roomOf([peer(1), peer(2)], { hosts: [2] }));
    test.fromWorker({ kind: 'model-opened', modelUrl: DEFAULT_SETTINGS.modelUrl, spec: SPEC });
    expect(test.view.isHost).toBe(false);
    expect(test.requests('room:model')).toEqual([]);
    test.signaling.say('room:change', { hosts: [2, 1] });
    expect(test.view.isHost).toBe(true);
    expect(test.requests('room:model')).toHaveLength(1);
  });

  test('a key that is taken over is kept like the first', async () => {
    const test = await inRoom();
    const taking = test.session.takeHost(true);
    await test.answer('host:take', { hostKey: HOST_KEY });
    await taking;
    expect(stored.get('edgeshard.host.AB2CD')).toBe(HOST_KEY);
  });

  test('whoever declines keeps nothing', async () => {
    const test = await inRoom();
    const declining = test.session.takeHost(false);
    await test.answer('host:take', { hostKey: null });
    await declining;
    expect(stored.has('edgeshard.host.AB2CD')).toBe(false);
  });

  test('a renewed link is the one that this browser comes back with', async () => {
    const test = await inRoom();
    test.signaling.say('room:change', { joinKey: OTHER_KEY });
    expect(stored.get('edgeshard.join.AB2CD')).toBe(OTHER_KEY);
    await test.loseConnection();
    test.signaling.connect(true);
    expect(test.requests('room:resume')[0]!.joinKey).toBe(OTHER_KEY);
  });
});

test('a plan that overtakes the change of settings is prepared after it', async () => {
  const test = await inRoom(roomOf([peer(1)], { model: SPEC }));
  test.forgetAsked();
  test.signaling.say('plan:prepare', { plan: plan(2, { contextLength: 256 }) });
  expect(test.kindsToWorker()).toEqual([]);
  test.signaling.say('room:change', { settings: { ...DEFAULT_SETTINGS, contextLength: 256 } });
  expect(test.kindsToWorker()).toEqual(['model', 'prepare 2', 'no-plan']);
});

test('nothing that was told of a model is told again of another', async () => {
  const test = await inRoom(serving);
  test.fromWorker({ kind: 'profile', profile, origin: 'measured', engineNote: { code: 'as-asked', engine: 'cpu' } });
  test.signaling.say('room:change', { settings: { ...DEFAULT_SETTINGS, modelUrl: '/other.gguf' }, model: null, plan: null });
  await test.loseConnection();
  test.forgetAsked();
  test.signaling.connect(true);
  await test.answer('room:resume', joined(1, test.view.room!));
  expect(test.requests('peer:profile')).toEqual([]);
});

test('an error of the past is over once a newer plan is active', async () => {
  const test = await inRoom(roomOf([peer(1)], { model: SPEC }));
  test.fromWorker({ kind: 'device-failed', error: { code: 'device-lost', message: 'the graphics device is lost' } });
  expect(test.view.error).not.toBeNull();
  test.signaling.say('room:change', { plan: plan(4) });
  expect(test.view.error).toBeNull();
});

test('what was for a device that has gone is no error, another refusal is', async () => {
  const test = await inRoom(serving);
  test.tell('signal', { to: 2, data: { type: 'answer', sdp: '' } });
  await test.refuse('signal', 'peer-not-found');
  test.tell('link:report', { to: 2, link: null });
  await test.refuse('link:report', 'peer-not-found');
  expect(test.view.error).toBeNull();
  test.tell('signal', { to: 2, data: { type: 'answer', sdp: '' } });
  await test.refuse('signal', 'rate-limited');
  expect(test.view.error).toMatchObject({ code: 'rate-limited' });
});

test('what does not fit the protocol is counted', async () => {
  const test = await inRoom();
  test.misunderstand();
  test.misunderstand();
  expect(test.view.diagnostics).toEqual({ badServerMessages: 2, badPeerMessages: 0, droppedFrames: 0 });
});

test('a tab that leaves says so, or its place would be kept for it', async () => {
  const test = await inRoom();
  test.session.leave();
  expect(test.requests('room:leave')).toHaveLength(1);
  expect(test.signaling.isClosed).toBe(true);
});
