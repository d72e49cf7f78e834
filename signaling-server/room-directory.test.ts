import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { AppError } from '../src/shared/errors.ts';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import { applyRoomChange } from '../src/shared/protocol/room-change.ts';
import { seedOf } from '../src/shared/protocol/room-seed.ts';
import {
  BEAT_TIMEOUT_MS,
  type ClientRequest,
  clientEvents,
  ROOM_CODE,
  type RoomSeed,
  type RoomState,
} from '../src/shared/protocol/signaling.ts';
import { inProcessPlanner, type PlannerRunner } from './planner-runner.ts';
import { RenewedLinks } from './renewed-links.ts';
import type { RoomActor } from './room-actor.ts';
import { hashOfKey, randomHostKey } from './room-code.ts';
import { MAX_ROOMS, RoomDirectory } from './room-directory.ts';
import { RoomSeals, SEAL_LIFETIME_MS } from './room-seal.ts';
import type { Notice } from './room-state.ts';
import { DEFAULT_TIMES } from './room-times.ts';
import { TestClock } from './testing/clock.ts';
import { TEST_SECRET, tinyProfile, tinySpec } from './testing/room.ts';

const { settleMs, unmeasuredMs, stateMs, emptyRoomMs, patienceMs, stallMs, retryMs, graceMs, knockMs, hostlessMs } =
  DEFAULT_TIMES;

/** Plans when the test says so. */
class ManualPlanner implements PlannerRunner {
  asked: { problem: PlanningProblem; answer: (result: PlanResult) => void }[] = [];

  plan(_roomCode: string, problem: PlanningProblem): Promise<PlanResult | null> {
    return new Promise((answer) => this.asked.push({ problem, answer }));
  }

  async close(): Promise<void> {}
}

type Identity = Omit<ClientRequest<'room:join'>, 'version'>;

interface JoinOptions extends Partial<Identity> {
  address?: string;
  /** Aborted when its connection is gone. */
  gone?: AbortController;
  /** What it knows of a room that it was in. */
  seed?: { peerId: number; room: RoomSeed };
}

/** @param renewedLinks what servers before this one have noted */
async function testServer(
  planner: PlannerRunner = inProcessPlanner,
  passphrase: string | null = null,
  renewedLinks = new RenewedLinks(null),
) {
  const clock = new TestClock();
  const directory = new RoomDirectory({ planner, clock, secret: TEST_SECRET, renewedLinks });
  const made = await directory.create({ settings: {}, passphrase }, { address: '10.0.0.1' });

  const join = async (options: JoinOptions = {}) => {
    const notices: Notice[] = [];
    const { address = '10.0.0.1', seed, gone = new AbortController(), ...some } = options;
    const identity: Identity = {
      code: made.code,
      hostKey: null,
      joinKey: made.joinKey,
      passphrase: null,
      tabKey: randomHostKey(),
      name: 'tab',
      donates: false,
      chats: false,
      ...some,
    };
    const outlet = (notice: Notice) => void notices.push(notice);
    const caller = { outlet, address, signal: gone.signal };
    const entering = seed ? directory.resume({ ...identity, ...seed }, caller) : directory.join(identity, caller);
    // A knock is there before it is answered.
    const { room: actor, entered } = await entering;
    return {
      ...entered,
      notices,
      tabKey: identity.tabKey,
      leave: () => actor.leave(entered.peerId, outlet),
      loseConnection: () => actor.away(entered.peerId, outlet),
      /** The room as this tab knows it. */
      state: () =>
        notices.reduce((state, one) => (one.event === 'room:change' ? applyRoomChange(state, one.message) : state), entered.room),
    };
  };
  const actor = directory.room(made.code);
  /** Time goes by, and these tabs go on beating. */
  const pass = async (ms: number, ...tabs: { peerId: number }[]) => {
    for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 1000) {
      for (const { peerId } of tabs) actor.heardFrom(peerId);
      await clock.advance(1000);
    }
  };
  return { clock, directory, renewedLinks, ...made, actor, join, pass };
}

const events = (notices: readonly Notice[]) => notices.map((notice) => notice.event);

/** A host that chats, and a donor with room for everything, linked. */
async function readyRoom(planner?: PlannerRunner) {
  const server = await testServer(planner);
  const { actor } = server;
  const host = await server.join({ chats: true, hostKey: server.hostKey });
  const donor = await server.join({ donates: true });
  actor.apply({ kind: 'model', peerId: host.peerId, modelUrl: DEFAULT_MODEL_URL, spec: tinySpec });
  actor.apply({ kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9), origin: 'measured' });
  const link = () => actor.apply({ kind: 'link', peerId: donor.peerId, to: host.peerId, link: { rttMs: 1, linkMbps: 50 } });
  const beat = () => {
    for (const { peerId } of [host, donor]) actor.heardFrom(peerId);
  };
  return { ...server, host, donor, link, beat };
}

describe('a room on the server', () => {
  test('has a code that can be read aloud, a link that lets in, and a key that gives rights', async () => {
    const { code, joinKey, hostKey, join } = await testServer();
    expect(code).toMatch(ROOM_CODE);
    expect(joinKey).toHaveLength(16);
    expect((await join({ hostKey, joinKey: null })).isHost).toBe(true);
    expect((await join()).isHost).toBe(false);
  });

  test('shows hashes of its keys, and no key but the link’s', async () => {
    const { hostKey, join } = await testServer();
    const { room, tabKey } = await join({ hostKey });
    expect(JSON.stringify(room)).not.toContain(hostKey);
    expect(JSON.stringify(room)).not.toContain(tabKey);
  });

  test('tells many changes in one', async () => {
    const { clock, join } = await testServer();
    const first = await join();
    await join();
    await join();
    await clock.advance(stateMs);
    expect(new Set(events(first.notices))).toEqual(new Set(['room:change']));
    expect(first.state().peers).toHaveLength(3);
  });

  test('tells all of its tabs the same, whenever they came', async () => {
    const { clock, actor, join } = await testServer();
    const first = await join({ donates: true });
    actor.apply({ kind: 'profile', peerId: first.peerId, profile: tinyProfile(5), origin: 'measured' });
    const second = await join();
    actor.apply({ kind: 'donates', peerId: first.peerId, donates: false });
    const third = await join();
    await clock.advance(stateMs);
    expect(second.state()).toEqual(first.state());
    expect(third.state()).toEqual(first.state());
  });

  test('is deleted ten minutes after the last tab left, and not before', async () => {
    const { clock, directory, join } = await testServer();
    const tab = await join();
    await clock.advance(BEAT_TIMEOUT_MS / 2);
    tab.leave();
    await clock.advance(emptyRoomMs - 1000);
    expect(directory.roomCount).toBe(1);
    await clock.advance(3000);
    expect(directory.roomCount).toBe(0);
  });

  test('takes no place from another: a full server says so', async () => {
    const { directory, join } = await testServer();
    for (let i = 1; i < MAX_ROOMS; i++)
      await directory.create({ settings: {}, passphrase: null }, { address: `10.0.${i >> 8}.${i & 255}` });
    await expect(directory.create({ settings: {}, passphrase: null }, { address: '10.9.9.9' })).rejects.toMatchObject({
      code: 'server-full',
    });
    expect((await join()).peerId).toBe(1);
  });

  test('passes signals to the one they are for, inside the room only', async () => {
    const { actor, directory, join } = await testServer();
    const [a, b, c] = [await join(), await join(), await join()];
    const elsewhere = await directory.create({ settings: {}, passphrase: null }, { address: '10.0.0.1' });
    const stranger = await join({ code: elsewhere.code, joinKey: elsewhere.joinKey });
    actor.relay(a.peerId, b.peerId, { type: 'answer', sdp: '' });
    expect(b.notices.at(-1)).toEqual({ event: 'signal', message: { from: a.peerId, data: { type: 'answer', sdp: '' } } });
    expect([...events(a.notices), ...events(c.notices), ...events(stranger.notices)]).not.toContain('signal');
    expect(() => directory.room(elsewhere.code).relay(1, 2, { type: 'answer', sdp: '' })).toThrow(AppError);
  });
});

describe('a tab whose connection is lost', () => {
  test('has its place again within the grace, and nobody else has it', async () => {
    const { clock, join, pass } = await testServer();
    const [first, other] = [await join({ donates: true }), await join()];
    first.loseConnection();
    await pass(graceMs - 2000, other);
    expect(events(other.notices)).not.toContain('peer:left');
    expect(other.state().peers[0]).toMatchObject({ peerId: first.peerId, connected: false });
    expect((await join()).peerId).toBe(3);
    const seed = { peerId: first.peerId, room: seedOf(first.state()) };
    const again = await join({ tabKey: first.tabKey, donates: true, seed });
    expect(again.peerId).toBe(first.peerId);
    await clock.advance(stateMs);
    expect(other.state().peers[0]).toMatchObject({ peerId: first.peerId, connected: true });
    // The broken connection ends at last: by then it speaks for nobody.
    first.loseConnection();
    await clock.advance(stateMs);
    expect(other.state().peers[0]).toMatchObject({ connected: true });
  });

  test('leaves for good when the grace is over, and then comes back as a newcomer', async () => {
    const { join, pass } = await testServer();
    const [first, other] = [await join(), await join()];
    first.loseConnection();
    await pass(graceMs + 3000, other);
    expect(events(other.notices)).toContain('peer:left');
    const again = await join({ tabKey: first.tabKey, seed: { peerId: first.peerId, room: seedOf(first.state()) } });
    expect(again.peerId).toBe(3);
  });

  test('is told when it fell silent, in case that it hears, and keeps its place', async () => {
    const { join, pass } = await testServer();
    const [silent, other] = [await join(), await join()];
    await pass(10_000, other);
    expect(events(silent.notices)).toContain('dropped');
    expect(events(other.notices)).not.toContain('peer:left');
    expect((await join({ tabKey: silent.tabKey })).peerId).toBe(silent.peerId);
  });

  test('leaves at once when it says so', async () => {
    const { clock, join } = await testServer();
    const [first, other] = [await join(), await join()];
    first.leave();
    await clock.advance(0);
    expect(events(other.notices)).toContain('peer:left');
  });

  test('does not stop its room’s plan, and a better one is only looked for when it is back or gone', async () => {
    const planner = new ManualPlanner();
    const { clock, actor, host, donor, link, beat, join } = await readyRoom(planner);
    link();
    await clock.advance(settleMs);
    planner.asked[0]!.answer(planRoom(planner.asked[0]!.problem));
    await clock.advance(1);
    actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: 1 });
    donor.loseConnection();
    for (let ms = 0; ms < graceMs - 3000; ms += 1000) {
      beat();
      await clock.advance(1000);
    }
    expect(planner.asked).toHaveLength(1);
    expect(host.state().plan?.epoch).toBe(1);
    await join({ tabKey: donor.tabKey, donates: true });
    await clock.advance(unmeasuredMs + settleMs);
    expect(planner.asked).toHaveLength(2);
  });
});

describe('a server that has forgotten its rooms', () => {
  async function remembered() {
    const { clock, actor, host, donor, link, hostKey, code, joinKey, join, renewedLinks, beat } = await readyRoom();
    link();
    await clock.advance(settleMs);
    actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: 1 });
    await clock.advance(stateMs);
    return { host, donor, hostKey, code, joinKey, actor, clock, join, renewedLinks, beat, known: host.state() };
  }

  test('makes a room anew from what a tab of it knows, and everybody has their place again', async () => {
    const { host, donor, hostKey, code, joinKey, known } = await remembered();
    const { join, directory } = await testServer();
    const room = seedOf(known);
    const back = await join({ code, joinKey, tabKey: donor.tabKey, donates: true, seed: { peerId: donor.peerId, room } });
    expect(back.peerId).toBe(donor.peerId);
    expect(back.isHost).toBe(false);
    const { plan, settings, model, hostKeyHashes } = known;
    expect(back.room).toMatchObject({ plan, settings, model, hostKeyHashes, joinKey });
    expect(back.room.peers.map(({ peerId, connected }) => [peerId, connected])).toEqual([
      [1, false],
      [2, true],
    ]);
    const other = await join({ code, joinKey, tabKey: host.tabKey, hostKey, chats: true, seed: { peerId: host.peerId, room } });
    expect([other.peerId, other.isHost]).toEqual([host.peerId, true]);
    expect(directory.roomCount).toBe(2);
  });

  test('gives no epoch that a plan may have had of which the first tab had not heard', async () => {
    const { donor, code, joinKey, known } = await remembered();
    const { join } = await testServer();
    const back = await join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: seedOf(known) } });
    expect(back.room.nextEpoch).toBeGreaterThan(known.nextEpoch + 100);
  });

  test('lets no stage free the plan before while chats may still be at it', async () => {
    const { donor, code, joinKey, known } = await remembered();
    const { join, clock } = await testServer();
    const back = await join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: seedOf(known) } });
    await clock.advance(stateMs);
    expect(events(back.notices)).not.toContain('plan:retire');
  });

  test('learns from the others what the first one had not heard of yet', async () => {
    const { host, donor, hostKey, code, joinKey, known, actor, clock, join: joinBefore } = await remembered();
    const late = await joinBefore({ donates: true });
    actor.apply({ kind: 'settings', peerId: host.peerId, settings: { ...known.settings, wireDtype: 'f16' } });
    actor.apply({ kind: 'renew-link', peerId: host.peerId, joinKey: 'n'.repeat(16) });
    await clock.advance(stateMs);
    const newer = seedOf(host.state());
    const { join } = await testServer();
    await join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: seedOf(known) } });
    const second = await join({ code, joinKey, hostKey, tabKey: host.tabKey, seed: { peerId: host.peerId, room: newer } });
    expect(second.room).toMatchObject({ joinKey: 'n'.repeat(16), settings: { wireDtype: 'f16' } });
    const third = await join({ code, joinKey, tabKey: late.tabKey, seed: { peerId: late.peerId, room: seedOf(known) } });
    expect(third.peerId).toBe(late.peerId);
  });

  test('believes nobody who makes something up: rights, the link, a place, a plan, numbers', async () => {
    const { donor, code, joinKey, known } = await remembered();
    const { join, directory } = await testServer();
    const room = seedOf(known);
    const [host] = room.peers;
    for (const forged of [
      { ...room, hostKeyHashes: [...room.hostKeyHashes, hashOfKey('x'.repeat(32))] },
      { ...room, joinKey: 'y'.repeat(16) },
      { ...room, barred: [host!.tabKeyHash] },
      { ...room, peers: [{ ...host!, tabKeyHash: hashOfKey('z'.repeat(32)) }, ...room.peers.slice(1)] },
      { ...room, plan: { ...room.plan!, stages: [{ ...room.plan!.stages[0]!, layers: { startLayer: 0, endLayer: 512 } }] } },
      { ...room, nextPeerId: 2 ** 32 - 1 },
      { ...room, seal: { ...room.seal, dateMs: room.seal.dateMs + 1 } },
    ]) {
      const coming = join({ code, joinKey, hostKey: 'x'.repeat(32), seed: { peerId: donor.peerId, room: forged } });
      await expect(coming).rejects.toMatchObject({ code: 'room-not-found' });
    }
    expect(directory.roomCount).toBe(1);
    const elsewhere = join({ code: 'ZZZZZ', joinKey, seed: { peerId: donor.peerId, room } });
    await expect(elsewhere).rejects.toMatchObject({ code: 'room-not-found' });
  });

  test('gives rights to nobody for being first, and no place for another key', async () => {
    const { donor, code, joinKey, known } = await remembered();
    const { join } = await testServer();
    const room = seedOf(known);
    const first = await join({ code, joinKey, hostKey: 'x'.repeat(32), seed: { peerId: donor.peerId, room } });
    expect(first.isHost).toBe(false);
    expect(first.peerId).toBeGreaterThan(donor.peerId);
    const second = await join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room } });
    expect(second.peerId).toBe(donor.peerId);
  });

  test('keeps out whom a host had removed, though it brings the room of before', async () => {
    const { host, donor, hostKey, code, joinKey, known, actor, clock } = await remembered();
    actor.remove(host.peerId, donor.peerId);
    await clock.advance(stateMs);
    const { join, directory } = await testServer();
    const asDonor = { code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: seedOf(known) } };
    const first = await join(asDonor);
    const asHost = { code, hostKey, tabKey: host.tabKey, seed: { peerId: host.peerId, room: seedOf(host.state()) } };
    const back = await join(asHost);
    expect(back.room.peers.map(({ peerId }) => peerId)).toEqual([host.peerId]);
    expect(back.room.joinKey).not.toBe(joinKey);
    expect(first.notices.at(-1)).toMatchObject({ event: 'dropped', message: { error: { code: 'removed' } } });
    expect(directory.room(code)).toMatchObject({ room: { plan: null, preparing: null } });
    await expect(join(asDonor)).rejects.toMatchObject({ code: 'removed' });
  });

  test('takes nothing of a later seed that a host has changed since', async () => {
    const { host, donor, hostKey, code, joinKey, known, actor, clock } = await remembered();
    actor.apply({ kind: 'settings', peerId: host.peerId, settings: { ...known.settings, objective: 'throughput' } });
    await clock.advance(stateMs);
    const later = seedOf(host.state());
    const { join, directory } = await testServer();
    await join({ code, joinKey, hostKey, tabKey: host.tabKey, seed: { peerId: host.peerId, room: seedOf(known) } });
    const settings = { ...known.settings, objective: 'latency' } as const;
    directory.room(code).apply({ kind: 'settings', peerId: host.peerId, settings });
    const second = await join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: later } });
    expect(second.room.settings).toEqual(settings);
  });

  test('does not mistake a new room of the same code for the one of before', async () => {
    const { donor, code, joinKey, known } = await remembered();
    const { join, directory } = await testServer();
    const another = { ...seedOf(known), hostKeyHashes: ['z'.repeat(43)] };
    const seals = new RoomSeals(TEST_SECRET, code, new TestClock(0), 0);
    const room = { ...another, seal: seals.seal({ ...known, ...another, peers: known.peers }) };
    await join({ code, joinKey, seed: { peerId: 9, room } });
    const refused = join({ code, joinKey, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: seedOf(known) } });
    await expect(refused).rejects.toMatchObject({ code: 'room-not-found' });
    expect(directory.room(code).placeOf(donor.tabKey)).toBe(donor.peerId);
  });
});

describe('rooms that are brought back more than once', () => {
  /** A room of a host and a donor, and what the donor heard of it; later the server went and came twice. */
  async function twice() {
    const first = await readyRoom();
    const { host, donor, hostKey, code, clock } = first;
    await clock.advance(stateMs);
    const stale = seedOf(host.state());
    const asHost = { code, hostKey, tabKey: host.tabKey, chats: true };
    const second = await testServer(inProcessPlanner, null, first.renewedLinks);
    const back = await second.join({ ...asHost, seed: { peerId: host.peerId, room: stale } });
    const guest = await second.join({ code, joinKey: back.room.joinKey, donates: true });
    await second.clock.advance(stateMs);
    const third = await testServer(inProcessPlanner, null, first.renewedLinks);
    return { donor, code, asHost, stale, second, back, guest, third };
  }

  test('never give a number, an epoch or the date of a seal twice, also when the first tab knows least', async () => {
    const { donor, code, stale, second, guest, third, back, asHost } = await twice();
    const late = { code, tabKey: donor.tabKey, seed: { peerId: donor.peerId, room: stale } };
    const first = await third.join({ ...late, joinKey: stale.joinKey, donates: true });
    const newcomer = await third.join({ code, joinKey: stale.joinKey, donates: true });
    const room = second.directory.room(code).room;
    expect(newcomer.peerId).toBeGreaterThanOrEqual(room.nextPeerId);
    expect(first.room.nextEpoch).toBeGreaterThan(room.nextEpoch);
    expect(first.room.seal.dateMs).toBeGreaterThan(back.state().seal.dateMs);
    const asGuest = { code, joinKey: stale.joinKey, tabKey: guest.tabKey, donates: true };
    const again = await third.join({ ...asGuest, seed: { peerId: guest.peerId, room: seedOf(back.state()) } });
    expect(again.peerId).toBe(guest.peerId);
    const host = await third.join({ ...asHost, seed: { peerId: back.peerId, room: seedOf(back.state()) } });
    expect(new Set([first, newcomer, again, host].map(({ peerId }) => peerId)).size).toBe(4);
  });
});

describe('a room that is made anew from what one tab knew', () => {
  const anew = (peers: RoomSeed['peers'], seed: RoomSeed): Omit<RoomSeed, 'seal'> => ({ ...seed, peers });

  /** What a server before this one may have told, sealed at that second of its time. */
  async function told() {
    const { code, hostKey, joinKey, join, clock } = await testServer();
    const host = await join({ hostKey, chats: true });
    await clock.advance(stateMs);
    const state = host.state();
    const peerAt = (peerId: number) => ({
      peerId,
      name: `tab ${peerId}`,
      donates: true,
      chats: false,
      tabKeyHash: hashOfKey(String(peerId).padStart(32, 'k')),
      shownKeyHash: null,
    });
    const sealed = (peers: RoomSeed['peers'], change: Partial<RoomSeed> = {}): RoomSeed => {
      const content = { ...anew(peers, seedOf(state)), ...change };
      const seals = new RoomSeals(TEST_SECRET, code, new TestClock(1000), 0);
      const whole = peers.map((peer) => ({ ...peer, profile: null, progress: null, connected: true, problem: null }));
      return { ...content, seal: seals.seal({ ...state, ...content, peers: whole }) };
    };
    const asPeer = (peerId: number, room: RoomSeed) => ({
      code,
      joinKey,
      donates: true,
      tabKey: String(peerId).padStart(32, 'k'),
      seed: { peerId, room },
    });
    const planOf = (epoch: number, peerId: number) => ({
      ...planRoomOf(peerId),
      epoch,
      modelUrl: state.settings.modelUrl,
    });
    return { code, peerAt, sealed, asPeer, planOf };
  }

  function planRoomOf(peerId: number) {
    const result = planRoom({
      spec: tinySpec,
      devices: [{ peerId, profile: tinyProfile(1e9), isSource: false }],
      links: [],
      sources: [],
      surviving: [],
      sequences: 1,
      concurrentSequences: 1,
      contextLength: 64,
      promptTokens: 8,
      wireDtype: 'f32',
      objective: 'latency',
      sourceLayers: 0,
      head: 'last-stage',
    });
    if (!result.ok) throw new Error(result.error.message);
    return result.layout;
  }

  test('never tells of more devices than a room may have', async () => {
    const { peerAt, sealed, asPeer } = await told();
    const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => peerAt(from + i));
    const [before, later] = [sealed(numbers(1, 33)), sealed(numbers(20, 52))];
    const { join } = await testServer();
    await join(asPeer(25, before));
    const { room } = await join(asPeer(26, later));
    expect(v.is(clientEvents['room:resume'].reply.entries.room, room)).toBe(true);
    expect(room.peers.map(({ peerId }) => peerId)).toEqual(later.peers.map(({ peerId }) => peerId));
  });

  test('gives no place away that another tab has got meanwhile, and no plan to whoever never loaded it', async () => {
    const { peerAt, sealed, asPeer, planOf, code } = await told();
    const before = sealed([peerAt(1)], { nextPeerId: 2 });
    const { join, directory } = await testServer();
    await join(asPeer(1, before));
    const newcomer = await join({ code, joinKey: before.joinKey, donates: true });
    const later = sealed([peerAt(1), peerAt(newcomer.peerId)], { plan: planOf(7, newcomer.peerId) });
    const other = await join({ ...asPeer(newcomer.peerId, later) });
    expect(other.peerId).not.toBe(newcomer.peerId);
    expect(directory.room(code).room.plan).toBeNull();
  });

  test('learns nothing from what it has told itself: whoever left since then stays away', async () => {
    const { peerAt, sealed, asPeer, code } = await told();
    const before = sealed([peerAt(1), peerAt(2)]);
    const { join, directory, clock } = await testServer();
    const [first, second] = [await join(asPeer(1, before)), await join(asPeer(2, before))];
    await clock.advance(stateMs);
    const own = seedOf(second.state());
    first.leave();
    await join({ ...asPeer(2, before), seed: { peerId: 2, room: own } });
    expect(directory.room(code).room.members.map(({ peerId }) => peerId)).toEqual([2]);
  });

  test('does not go back to a plan that was given up', async () => {
    const { peerAt, sealed, asPeer, planOf, code } = await told();
    const before = sealed([peerAt(1), peerAt(2)], { plan: planOf(7, 1) });
    const later = sealed([peerAt(1), peerAt(2)], { plan: null });
    const { join, directory } = await testServer();
    await join(asPeer(1, before));
    expect(directory.room(code).room.plan?.epoch).toBe(7);
    await join(asPeer(2, later));
    expect(directory.room(code).room.plan).toBeNull();
  });

  test('does not go back to a plan of before once it has made one of its own, or has other settings', async () => {
    const { peerAt, sealed, asPeer, planOf, code } = await told();
    const before = sealed([peerAt(1), peerAt(2)]);
    const later = sealed([peerAt(1), peerAt(2)], { plan: planOf(7, 1) });
    for (const change of [{ nextEpoch: 2 ** 31 + 5 }, { settings: { ...before.settings, contextLength: 64 } }]) {
      const { join, directory } = await testServer();
      await join(asPeer(1, before));
      const actor = directory.room(code);
      // As the room is after a plan of its own has failed, and after its host has decided otherwise.
      Object.assign(actor, { value: { ...actor.room, ...change } });
      await join(asPeer(2, later));
      expect(actor.room.plan).toBeNull();
    }
  });

  test('keeps out whom the host of before had removed, also when its host has removed another one since', async () => {
    const { peerAt, sealed, asPeer, code } = await told();
    const all = [1, 2, 3, 4].map(peerAt);
    const before = sealed(all);
    const later = sealed(all.slice(0, 2), { barred: [all[2]!.tabKeyHash] });
    const { join, directory } = await testServer();
    await join(asPeer(1, before));
    const third = await join(asPeer(3, before));
    const actor = directory.room(code);
    Object.assign(actor, { value: { ...actor.room, barred: [all[3]!.tabKeyHash] } });
    await join(asPeer(2, later));
    expect(third.notices.at(-1)).toMatchObject({ event: 'dropped', message: { error: { code: 'removed' } } });
    expect(actor.room.barred).toHaveLength(2);
  });

  test('is counted for the address that brings it', async () => {
    const seeds = [];
    const before = await testServer();
    for (let i = 0; i < 210; i++) {
      const { code, joinKey } = await before.directory.create({ settings: {}, passphrase: null }, { address: `10.1.0.${i}` });
      const tab = await before.join({ code, joinKey });
      seeds.push({ code, joinKey, tabKey: tab.tabKey, seed: { peerId: tab.peerId, room: seedOf(tab.state()) } });
    }
    const { join } = await testServer();
    const answers = [];
    for (const seed of seeds)
      answers.push(
        await join(seed).then(
          () => 'in',
          (error: AppError) => error.code,
        ),
      );
    expect(answers.slice(0, 200)).toEqual(Array(200).fill('in'));
    expect(new Set(answers.slice(200))).toEqual(new Set(['too-many-tries']));
    await expect(join({ ...seeds[0]!, tabKey: randomHostKey() })).resolves.toMatchObject({ isHost: false });
    expect((await join({ ...seeds[209]!, address: '10.0.0.2' })).peerId).toBe(1);
  });
});

describe('a room whose link was renewed', () => {
  test('can be brought back by whoever was told, at once and by the last word of a server that stops', async () => {
    const { actor, directory, host, hostKey, code, renewedLinks } = await readyRoom();
    actor.apply({ kind: 'renew-link', peerId: host.peerId, joinKey: 'n'.repeat(16) });
    directory.close();
    expect(host.state().joinKey).toBe('n'.repeat(16));
    expect(actor.isAt(host.peerId, () => undefined)).toBe(false);
    const { join } = await testServer(inProcessPlanner, null, renewedLinks);
    const seed = { peerId: host.peerId, room: seedOf(host.state()) };
    expect((await join({ code, hostKey, tabKey: host.tabKey, seed })).isHost).toBe(true);
  });
});

describe('a room that is over', () => {
  async function removedFrom() {
    const server = await readyRoom();
    const { actor, clock, host, donor, directory } = server;
    await clock.advance(stateMs);
    const before = seedOf(donor.state());
    actor.remove(host.peerId, donor.peerId);
    await clock.advance(stateMs);
    const after = seedOf(host.state());
    host.leave();
    await clock.advance(emptyRoomMs + 3000);
    expect(directory.roomCount).toBe(0);
    const { code, joinKey, hostKey } = server;
    const asDonor = { code, joinKey, chats: true, seed: { peerId: donor.peerId, room: before } };
    const asHost = { code, hostKey, tabKey: host.tabKey, seed: { peerId: host.peerId, room: after } };
    return { ...server, asDonor, asHost };
  }

  test('is not brought back by whoever was removed from it: not here, and not to a server after this one', async () => {
    const { join, donor, asDonor, asHost, renewedLinks } = await removedFrom();
    const later = await testServer(inProcessPlanner, null, renewedLinks);
    for (const enter of [join, later.join]) {
      await expect(enter({ ...asDonor, tabKey: donor.tabKey })).rejects.toMatchObject({ code: 'room-not-found' });
      await expect(enter(asDonor)).rejects.toMatchObject({ code: 'room-not-found' });
      expect((await enter(asHost)).isHost).toBe(true);
      await expect(enter({ ...asDonor, tabKey: donor.tabKey })).rejects.toMatchObject({ code: 'removed' });
    }
  });

  test('is brought back by a tab of it that slept for less than a day', async () => {
    const { clock, directory, join, code, joinKey } = await testServer();
    const [first, second] = [await join(), await join()];
    await clock.advance(stateMs);
    const seed = { peerId: first.peerId, room: seedOf(first.state()) };
    first.leave();
    second.leave();
    await clock.advance(emptyRoomMs + 3000);
    expect(directory.roomCount).toBe(0);
    await clock.advance(SEAL_LIFETIME_MS / 2);
    const again = await join({ code, joinKey, tabKey: first.tabKey, seed });
    expect(again.peerId).toBe(first.peerId);
    again.leave();
    await clock.advance(SEAL_LIFETIME_MS);
    await expect(join({ code, joinKey, tabKey: first.tabKey, seed })).rejects.toMatchObject({ code: 'room-not-found' });
  });

  test('can be brought back however long it stood open without a change: its tabs get a new seal every hour', async () => {
    const { actor, clock, join } = await testServer();
    const tab = await join();
    const hours = 3;
    for (let beats = 0; beats < hours * 3600; beats += 5) {
      actor.heardFrom(tab.peerId);
      await clock.advance(5000);
    }
    const changes = tab.notices.filter(({ event }) => event === 'room:change');
    expect(changes.length).toBeGreaterThanOrEqual(hours - 1);
    expect(changes.length).toBeLessThanOrEqual(hours + 1);
    expect(clock.dateMs() - tab.state().seal.dateMs).toBeLessThan(3_700_000);
  }, 20_000);
});

describe('a chat that waits in vain for a stage', () => {
  async function serving() {
    const server = await readyRoom();
    server.link();
    await server.clock.advance(settleMs);
    server.actor.apply({ kind: 'ready', peerId: server.donor.peerId, epoch: 1 });
    return server;
  }
  const problemOf = (actor: RoomActor, peerId: number) => actor.room.members.find((one) => one.peerId === peerId)?.problem;

  test('is believed, and the room plans without that stage until it is tried again', async () => {
    const { actor, clock, host, donor } = await serving();
    actor.reportHung(host.peerId, 1, donor.peerId);
    expect(problemOf(actor, donor.peerId)).toMatchObject({ code: 'stage-hung' });
    expect(actor.room.plan).toBeNull();
    await clock.advance(retryMs);
    expect(problemOf(actor, donor.peerId)).toBeNull();
  });

  test('is not believed more often for coming anew each time', async () => {
    const { actor, clock, donor, join } = await serving();
    for (let epoch = 1; epoch < 8; epoch++) {
      const chat = await join({ chats: true });
      actor.reportHung(chat.peerId, epoch, donor.peerId);
      if (problemOf(actor, donor.peerId) === null) break;
      expect(epoch).toBeLessThanOrEqual(3);
      actor.apply({ kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9), origin: 'measured' });
      chat.leave();
      await clock.advance(settleMs);
      actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: epoch + 1 });
    }
    expect(actor.room.plan?.epoch).toBe(4);
  });

  test('is not believed about another plan, about a device without a part, or when it is no chat', async () => {
    const { actor, host, donor, join } = await serving();
    const guest = await join({ donates: true });
    actor.reportHung(host.peerId, 2, donor.peerId);
    actor.reportHung(host.peerId, 1, guest.peerId);
    actor.reportHung(guest.peerId, 1, donor.peerId);
    expect(actor.room.plan?.epoch).toBe(1);
    expect(actor.room.members.map(({ problem }) => problem)).toEqual([null, null, null]);
  });

  test('cannot fail every plan there is, however often it says so', async () => {
    const { actor, clock, host, donor, beat } = await serving();
    let reports = 0;
    for (let epoch = 1; epoch < 8; epoch++) {
      actor.reportHung(host.peerId, epoch, donor.peerId);
      if (problemOf(actor, donor.peerId) === null) break;
      reports += 1;
      actor.apply({ kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9), origin: 'measured' });
      await clock.advance(settleMs);
      actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: epoch + 1 });
    }
    expect(reports).toBe(3);
    expect(actor.room.plan).not.toBeNull();
    // The fourth is believed when its time has come: a chat that is right waits for a minute, and not in vain.
    let waitedMs = 0;
    for (; waitedMs < 90_000 && problemOf(actor, donor.peerId) === null; waitedMs += 1000) {
      beat();
      await clock.advance(1000);
    }
    expect(problemOf(actor, donor.peerId)).toMatchObject({ code: 'stage-hung' });
    expect(waitedMs).toBeLessThanOrEqual(61_000);
  });
});

test('a fault in planning one room is that room’s problem, and its server goes on', async () => {
  const faulty: PlannerRunner = {
    plan: async () => {
      throw new RangeError('Invalid array length');
    },
    close: async () => {},
  };
  const { clock, host, link, join } = await readyRoom(faulty);
  link();
  await clock.advance(settleMs);
  await clock.advance(stateMs);
  expect(host.state().problem).toMatchObject({ code: 'internal' });
  expect((await join()).peerId).toBe(3);
});

describe('whoever has only the code', () => {
  async function knocking() {
    const server = await testServer();
    const host = await server.join({ chats: true, hostKey: server.hostKey });
    const entering = server.join({ joinKey: null, name: 'Tablet', donates: true, address: '10.0.0.9' });
    entering.catch(() => undefined);
    await server.clock.advance(0);
    await server.clock.advance(stateMs);
    return { ...server, host, entering, knock: host.state().knocks[0]! };
  }

  test('is let in when a host says so', async () => {
    const { actor, clock, host, entering, knock } = await knocking();
    expect(knock).toMatchObject({ name: 'Tablet', donates: true });
    actor.answerKnock(host.peerId, knock.knockId, true);
    expect((await entering).peerId).toBe(2);
    await clock.advance(stateMs);
    expect(host.state().knocks).toEqual([]);
  });

  test('is told when a host says no, and when nobody says anything', async () => {
    const { actor, host, entering, knock } = await knocking();
    actor.answerKnock(host.peerId, knock.knockId, false);
    await expect(entering).rejects.toMatchObject({ code: 'not-allowed' });
    const again = await knocking();
    const told = expect(again.entering).rejects.toMatchObject({ code: 'nobody-allows' });
    await again.pass(knockMs, again.host);
    await told;
    expect(() => again.actor.answerKnock(1, again.knock.knockId, true)).toThrow(
      expect.objectContaining({ code: 'peer-not-found' }),
    );
  });

  test('is told to come again when the server stops, and not that a host said no', async () => {
    const { directory, entering } = await knocking();
    directory.close();
    await expect(entering).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('is nobody to ask about once it has gone, also when it went before its knock was there', async () => {
    const server = await testServer(inProcessPlanner, 'blue fox');
    const host = await server.join({ hostKey: server.hostKey });
    const gone = new AbortController();
    const entering = server.join({ joinKey: null, passphrase: 'blue fox', gone });
    gone.abort();
    await expect(entering).rejects.toMatchObject({ code: 'stopped' });
    await server.clock.advance(stateMs);
    expect(host.state().knocks).toEqual([]);
  });

  test('is let in by nobody but a host', async () => {
    const { actor, join, knock } = await knocking();
    const guest = await join();
    expect(() => actor.answerKnock(guest.peerId, knock.knockId, true)).toThrow(expect.objectContaining({ code: 'not-host' }));
  });

  test('knocks as well when the link is an old one', async () => {
    const { actor, clock, host, join } = await knocking();
    const stale = join({ joinKey: 'x'.repeat(16) });
    await clock.advance(0);
    await clock.advance(stateMs);
    expect(host.state().knocks).toHaveLength(2);
    actor.answerKnock(host.peerId, host.state().knocks[1]!.knockId, true);
    expect((await stale).peerId).toBe(2);
  });

  test('guesses in vain: tries that fail are counted for the address, joins by the link never', async () => {
    const { join } = await testServer();
    const guess = () => join({ code: 'ZZZZ9' }).catch((error: AppError) => error.code);
    const guesses = [];
    for (let i = 0; i < 40; i++) guesses.push(await guess());
    expect(guesses.slice(0, 30)).toEqual(Array(30).fill('room-not-found'));
    expect(guesses.slice(30)).toEqual(Array(10).fill('too-many-tries'));
    for (let i = 0; i < 31; i++) await join();
    await expect(join({ code: 'ZZZZ9', address: '10.0.0.2' })).rejects.toMatchObject({ code: 'room-not-found' });
  });
});

describe('an address that has used up its tries', () => {
  test('gains nothing by the right guess, and still joins by a link, a host key or its own place', async () => {
    const { join, hostKey } = await testServer(inProcessPlanner, 'blue fox');
    const guest = await join({ passphrase: 'blue fox' });
    for (let i = 0; i < 30; i++) await expect(join({ code: 'ZZZZ9' })).rejects.toMatchObject({ code: 'room-not-found' });
    await expect(join({ passphrase: 'blue fox' })).rejects.toMatchObject({ code: 'too-many-tries' });
    await expect(join({ passphrase: 'red fox' })).rejects.toMatchObject({ code: 'too-many-tries' });
    expect((await join({ hostKey })).isHost).toBe(true);
    expect((await join({ tabKey: guest.tabKey })).peerId).toBe(guest.peerId);
    expect((await join({ passphrase: 'blue fox', address: '10.0.0.2' })).isHost).toBe(false);
  });

  test('has used them by knocks that it took back itself, and not by those that a host allowed', async () => {
    const { actor, clock, join, hostKey } = await testServer();
    const host = await join({ hostKey });
    const knock = async (gone: AbortController) => {
      const entering = join({ joinKey: null, gone });
      entering.catch(() => undefined);
      await clock.advance(0);
      return { entering, knockId: actor.room.knocks[0]?.knockId };
    };
    for (let i = 0; i < 20; i++) {
      const { entering, knockId } = await knock(new AbortController());
      actor.answerKnock(host.peerId, knockId!, true);
      await entering;
    }
    for (let i = 0; i < 30; i++) {
      const gone = new AbortController();
      const { entering } = await knock(gone);
      gone.abort();
      await expect(entering).rejects.toMatchObject({ code: 'stopped' });
    }
    await expect((await knock(new AbortController())).entering).rejects.toMatchObject({ code: 'too-many-tries' });
  });

  test('cannot tell by knocking which rooms there are', async () => {
    const { join } = await testServer();
    for (let i = 0; i < 30; i++) await expect(join({ code: 'ZZZZ9' })).rejects.toMatchObject({ code: 'room-not-found' });
    await expect(join({ joinKey: null })).rejects.toMatchObject({ code: 'too-many-tries' });
    expect((await join()).isHost).toBe(false);
  });
});

describe('a removed device', () => {
  test('is told, and comes back neither by its place nor by the link that it knows', async () => {
    const { actor, clock, join, hostKey, joinKey } = await testServer();
    const host = await join({ hostKey, chats: true });
    const guest = await join();
    actor.remove(host.peerId, guest.peerId);
    expect(guest.notices.at(-1)).toMatchObject({ event: 'dropped', message: { error: { code: 'removed' } } });
    await expect(join({ tabKey: guest.tabKey })).rejects.toMatchObject({ code: 'removed' });
    const other = join({ joinKey });
    await clock.advance(0);
    await clock.advance(stateMs);
    expect(host.state().knocks).toHaveLength(1);
    actor.answerKnock(host.peerId, host.state().knocks[0]!.knockId, true);
    expect((await other).room.joinKey).toBe(host.state().joinKey);
    expect(host.state().joinKey).not.toBe(joinKey);
  });
});

describe('a removed host', () => {
  /** A room whose owner is away, and a chat that took the rights over. */
  async function takenOver() {
    const server = await testServer(inProcessPlanner, 'blue fox');
    const chat = await server.join({ chats: true, passphrase: 'blue fox' });
    await server.pass(hostlessMs + 2000, chat);
    const key = server.actor.takeHost(chat.peerId, true)!;
    const owner = await server.join({ hostKey: server.hostKey, joinKey: null });
    return { ...server, chat, key, owner };
  }

  test('has lost the key by which it had the rights, in all of its tabs', async () => {
    const { actor, clock, join, chat, key, owner } = await takenOver();
    const second = await join({ hostKey: key, joinKey: null });
    expect(second.isHost).toBe(true);
    actor.remove(owner.peerId, chat.peerId);
    await clock.advance(stateMs);
    expect(owner.state().hosts).toEqual([owner.peerId]);
    await expect(join({ hostKey: key, passphrase: 'red fox' })).rejects.toMatchObject({ code: 'passphrase-wrong' });
    expect(() => actor.apply({ kind: 'renew-link', peerId: second.peerId, joinKey: 'n'.repeat(16) })).toThrow(
      expect.objectContaining({ code: 'not-host' }),
    );
  });

  test('has lost that key also when it came back without showing it, and after a restart', async () => {
    const { actor, clock, join, code, chat, key, owner, hostKey } = await takenOver();
    await clock.advance(stateMs);
    const room = seedOf(owner.state());
    await join({ tabKey: chat.tabKey, chats: true });
    actor.remove(owner.peerId, chat.peerId);
    await expect(join({ hostKey: key, passphrase: 'red fox' })).rejects.toMatchObject({ code: 'passphrase-wrong' });
    const later = await testServer(inProcessPlanner, null, new RenewedLinks(null));
    const asOwner = { code, hostKey, tabKey: owner.tabKey, seed: { peerId: owner.peerId, room } };
    const back = await later.join(asOwner);
    later.directory.room(code).remove(back.peerId, chat.peerId);
    await expect(later.join({ code, hostKey: key, passphrase: 'red fox' })).rejects.toMatchObject({ code: 'passphrase-wrong' });
  });

  test('still has the rights in another tab when its key is the first one', async () => {
    const { actor, join, hostKey, chat, owner } = await takenOver();
    actor.remove(chat.peerId, owner.peerId);
    expect((await join({ hostKey, joinKey: null })).isHost).toBe(true);
  });
});

describe('somebody whose passphrase is being checked', () => {
  test('has one place, however often it asks at once', async () => {
    const { join } = await testServer(inProcessPlanner, 'blue fox');
    const asGuest = { tabKey: randomHostKey(), passphrase: 'blue fox' };
    const [first, again] = await Promise.all([join(asGuest), join(asGuest)]);
    expect(again.peerId).toBe(first.peerId);
  });

  test('is not let in by what was true before it: a link that was renewed, a place that it was removed from', async () => {
    const { actor, join, hostKey } = await testServer(inProcessPlanner, 'blue fox');
    const host = await join({ hostKey, chats: true });
    const guest = await join({ passphrase: 'blue fox' });
    const late = join({ passphrase: 'blue fox' });
    late.catch(() => undefined);
    actor.remove(host.peerId, guest.peerId);
    await expect.poll(() => actor.room.knocks.length).toBe(1);
    const tabKey = randomHostKey();
    const joinKey = actor.room.joinKey;
    const pending = join({ tabKey, joinKey, passphrase: 'blue fox' });
    const refused = expect(pending).rejects.toMatchObject({ code: 'removed' });
    actor.admit({ tabKey, name: 'tab', donates: false, chats: false, hostKeyHash: null }, () => undefined);
    actor.remove(host.peerId, actor.room.members.at(-1)!.peerId);
    await refused;
  });

  test('finds no room any more when the last tab had been gone for too long meanwhile', async () => {
    const { clock, join, directory } = await testServer(inProcessPlanner, 'blue fox');
    const tab = await join({ passphrase: 'blue fox' });
    tab.leave();
    await clock.advance(emptyRoomMs - 1000);
    const entering = expect(join({ passphrase: 'blue fox' })).rejects.toMatchObject({ code: 'room-not-found' });
    const ending = clock.advance(3000);
    await Promise.all([entering, ending]);
    expect(directory.roomCount).toBe(0);
  });
});

describe('a passphrase', () => {
  test('is asked of whoever has the link, and not of a host or of a tab that comes back', async () => {
    const { join, hostKey } = await testServer(inProcessPlanner, 'blue fox');
    await expect(join()).rejects.toMatchObject({ code: 'passphrase-needed' });
    await expect(join({ passphrase: 'red fox' })).rejects.toMatchObject({ code: 'passphrase-wrong' });
    const guest = await join({ passphrase: 'blue fox' });
    expect(guest.room.passphraseHash).not.toContain('blue');
    expect((await join({ hostKey })).isHost).toBe(true);
    guest.loseConnection();
    expect((await join({ tabKey: guest.tabKey })).peerId).toBe(guest.peerId);
  });
});

describe('a room without a host', () => {
  test('offers the rights to the chat that was there longest, then to the next; the first key stays good', async () => {
    const { actor, join, pass, hostKey } = await testServer();
    const [donor, first, second] = [await join({ donates: true }), await join({ chats: true }), await join({ chats: true })];
    const all = [donor, first, second];
    await pass(hostlessMs - 2000, ...all);
    expect(second.state().offeredTo).toBeNull();
    await pass(4000, ...all);
    expect(second.state().offeredTo).toBe(first.peerId);
    expect(actor.takeHost(first.peerId, false)).toBeNull();
    await pass(1000, ...all);
    expect(second.state().offeredTo).toBe(second.peerId);
    const key = actor.takeHost(second.peerId, true)!;
    await pass(1000, ...all);
    expect(first.state()).toMatchObject({ hosts: [second.peerId], offeredTo: null });
    expect((await join({ hostKey: key, joinKey: null })).isHost).toBe(true);
    expect((await join({ hostKey, joinKey: null })).isHost).toBe(true);
  });
});

describe('planning', () => {
  test('waits for a missing link, but not for ever', async () => {
    const { clock, host } = await readyRoom();
    await clock.advance(unmeasuredMs - 1);
    expect(events(host.notices)).not.toContain('plan:prepare');
    await clock.advance(1 + stateMs);
    expect(host.state().problem?.code).toBe('no-path');
  });

  test('starts as soon as everything is measured', async () => {
    const { clock, host, donor, link } = await readyRoom();
    link();
    await clock.advance(settleMs);
    expect(events(host.notices)).toContain('plan:prepare');
    expect(events(donor.notices)).toContain('plan:prepare');
  });

  test('starts in the end however often something changes', async () => {
    const planner = new ManualPlanner();
    const { clock, actor, donor, beat } = await readyRoom(planner);
    for (let elapsedMs = 0; elapsedMs < patienceMs; elapsedMs += 500) {
      beat();
      actor.apply({ kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9, 1 + elapsedMs), origin: 'measured' });
      await clock.advance(500);
    }
    expect(planner.asked.length).toBeGreaterThan(0);
  });

  test('ignores an answer after a newer question', async () => {
    const planner = new ManualPlanner();
    const { clock, actor, donor, host, link } = await readyRoom(planner);
    link();
    await clock.advance(settleMs);
    actor.apply({ kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9, 7), origin: 'measured' });
    await clock.advance(settleMs);
    const [older, newer] = planner.asked;
    older!.answer(planRoom(older!.problem));
    await clock.advance(1);
    expect(events(host.notices)).not.toContain('plan:prepare');
    newer!.answer(planRoom(newer!.problem));
    await clock.advance(1);
    expect(events(host.notices)).toContain('plan:prepare');
  });

  test('says no-devices when the last donor is gone', async () => {
    const { clock, actor, donor, host, link } = await readyRoom();
    link();
    await clock.advance(settleMs);
    actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: 1 });
    donor.leave();
    await clock.advance(settleMs + stateMs);
    expect(host.state()).toMatchObject({ plan: null, problem: { code: 'no-devices' } });
  });
});

describe('a stage that the room waits for', () => {
  const profile = { ...tinyProfile(1e9), decodeLayerMs: 9 };

  /** The only stage of the first plan is loading; everybody beats. */
  async function loadingRoom() {
    const room = await readyRoom();
    room.link();
    await room.clock.advance(settleMs);
    const { clock, actor, host, donor, beat } = room;
    const pass = async (ms: number, each: () => void = () => {}) => {
      for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 1000) {
        beat();
        each();
        await clock.advance(1000);
      }
    };
    const peerOf = (state: RoomState) => state.peers.find(({ peerId }) => peerId === donor.peerId);
    const fail = (error: { code: 'model-unreachable' | 'out-of-memory'; message: string }, epoch = 1) =>
      actor.apply({ kind: 'failed', peerId: donor.peerId, epoch, error });
    return { ...room, pass, fail, problem: () => peerOf(host.state())?.problem };
  }

  test('may take as long as it needs while something arrives', async () => {
    const { actor, donor, host, pass, problem } = await loadingRoom();
    let loadedBytes = 0;
    await pass(5 * stallMs, () => {
      const progress = { loadedBytes: ++loadedBytes, shardBytes: 4000 };
      if (loadedBytes % 30 === 0) actor.apply({ kind: 'progress', peerId: donor.peerId, epoch: 1, progress });
    });
    expect(problem()).toBeNull();
    expect(host.state().preparing?.epoch).toBe(1);
  });

  test('is planned without, and says why, once nothing has arrived for a minute', async () => {
    const { actor, donor, host, pass, problem } = await loadingRoom();
    const progress = { loadedBytes: 1_000_000, shardBytes: 4_000_000 };
    await pass(10_000, () => actor.apply({ kind: 'progress', peerId: donor.peerId, epoch: 1, progress }));
    // The same bytes told again are no progress.
    await pass(stallMs - 10_000, () => actor.apply({ kind: 'progress', peerId: donor.peerId, epoch: 1, progress }));
    expect(problem()).toBeNull();
    await pass(12_000);
    expect(problem()).toMatchObject({ code: 'stage-failed', values: { allowedMs: 60_000, ...progress } });
    expect(problem()?.values?.silentMs).toBeGreaterThan(60_000);
    expect(host.state()).toMatchObject({ preparing: null, problem: { code: 'no-devices' } });
  });

  test('is not given up for its silence once it is ready', async () => {
    const { actor, donor, pass, problem } = await loadingRoom();
    actor.apply({ kind: 'ready', peerId: donor.peerId, epoch: 1 });
    await pass(3 * stallMs);
    expect(problem()).toBeNull();
  });

  test('gets another chance when its failure may pass, later and later', async () => {
    const { host, pass, fail, problem } = await loadingRoom();
    const prepared = () => events(host.notices).filter((event) => event === 'plan:prepare').length;
    fail({ code: 'model-unreachable', message: 'the connection failed' });
    await pass(retryMs - 1000);
    expect([problem()?.code, prepared()]).toEqual(['model-unreachable', 1]);
    await pass(3000);
    expect([problem(), prepared()]).toEqual([null, 2]);
    fail({ code: 'model-unreachable', message: 'the connection failed again' }, 2);
    await pass(2 * retryMs - 1000);
    expect([problem()?.code, prepared()]).toEqual(['model-unreachable', 2]);
    await pass(3000);
    expect([problem(), prepared()]).toEqual([null, 3]);
  });

  test('gets none for what will not pass, and no second one beside its own', async () => {
    const { actor, donor, host, pass, fail, problem } = await loadingRoom();
    fail({ code: 'model-unreachable', message: 'the connection failed' });
    actor.apply({ kind: 'profile', peerId: donor.peerId, profile, origin: 'measured' });
    await pass(1000);
    fail({ code: 'out-of-memory', message: 'too large' }, host.state().preparing!.epoch);
    await pass(20 * retryMs);
    expect(problem()?.code).toBe('out-of-memory');
  });
});
