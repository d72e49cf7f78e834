import { describe, expect, test } from 'vitest';
import { AppError } from '../src/shared/errors.ts';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import { BEAT_TIMEOUT_MS, ROOM_CODE, type RoomState } from '../src/shared/protocol/signaling.ts';
import { inProcessPlanner, type PlannerRunner } from './planner-runner.ts';
import { randomHostKey } from './room-code.ts';
import type { Notice } from './room-state.ts';
import { DEFAULT_TIMES, MAX_ROOMS, RoomStore } from './room-store.ts';
import { TestClock } from './test-clock.ts';
import { tinyProfile, tinySpec } from './test-room.ts';

const { settleMs, graceMs, stateMs, emptyRoomMs, patienceMs, stallMs, retryMs } = DEFAULT_TIMES;

/** Plans when the test says so. */
class ManualPlanner implements PlannerRunner {
  asked: { problem: PlanningProblem; answer: (result: PlanResult) => void }[] = [];

  plan(_roomCode: string, problem: PlanningProblem): Promise<PlanResult | null> {
    return new Promise((answer) => this.asked.push({ problem, answer }));
  }

  async close(): Promise<void> {}
}

function testStore(planner: PlannerRunner = inProcessPlanner) {
  const clock = new TestClock();
  const store = new RoomStore(planner, clock);
  const { code, hostKey } = store.create({});
  const join = (options: { donates?: boolean; chats?: boolean; key?: string | null; tabKey?: string; code?: string } = {}) => {
    const notices: Notice[] = [];
    const { key = null, donates = false, chats = false } = options;
    const request = {
      code: options.code ?? code,
      hostKey: key,
      tabKey: options.tabKey ?? randomHostKey(),
      name: 'tab',
      donates,
      chats,
    };
    return { notices, ...store.join(request, (notice) => notices.push(notice)) };
  };
  return { clock, store, code, hostKey, join };
}

const events = (notices: readonly Notice[]) => notices.map((notice) => notice.event);
const lastState = (notices: readonly Notice[]): RoomState | undefined =>
  notices.flatMap((notice) => (notice.event === 'room:state' ? [notice.message] : [])).at(-1);

/** A host that chats, and a donor with room for everything, linked. */
function readyRoom(planner?: PlannerRunner) {
  const room = testStore(planner);
  const host = room.join({ chats: true, key: room.hostKey });
  const donor = room.join({ donates: true });
  room.store.apply(room.code, { kind: 'model', peerId: host.peerId, modelUrl: DEFAULT_MODEL_URL, spec: tinySpec });
  room.store.apply(room.code, { kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9), origin: 'measured' });
  const link = () =>
    room.store.apply(room.code, { kind: 'link', peerId: donor.peerId, to: host.peerId, link: { rttMs: 1, linkMbps: 50 } });
  return { ...room, host, donor, link };
}

describe('a room on the server', () => {
  test('has a code that can be read aloud and a key of its own', () => {
    const { code, hostKey, join } = testStore();
    expect(code).toMatch(ROOM_CODE);
    expect(join({ key: hostKey }).isHost).toBe(true);
    expect(join().isHost).toBe(false);
  });

  test('gives a tab that comes back the place of its earlier self, and nobody else that place', () => {
    const { store, code, join } = testStore();
    const tabKey = randomHostKey();
    const first = join({ tabKey });
    const other = join();
    const again = join({ tabKey });
    expect(again.room.peers.map(({ peerId }) => peerId)).toEqual([other.peerId, again.peerId]);
    // The broken connection ends at last: by then it speaks for nobody.
    store.leave(code, first.peerId);
    expect(join().room.peers).toHaveLength(3);
  });

  test('refuses a code that does not exist and a key that is not its own', () => {
    const { join } = testStore();
    expect(() => join({ code: 'ZZZZZ' })).toThrow(expect.objectContaining({ code: 'room-not-found' }));
    expect(() => join({ key: 'x'.repeat(32) })).toThrow(expect.objectContaining({ code: 'not-host' }));
  });

  test('tells many changes in one state', async () => {
    const { clock, join } = testStore();
    const first = join();
    join();
    join();
    await clock.advance(stateMs);
    expect(events(first.notices)).toEqual(['room:state']);
    expect(lastState(first.notices)?.peers).toHaveLength(3);
  });

  test('is deleted ten minutes after the last tab left, and not before', async () => {
    const { clock, store, code, join } = testStore();
    const { peerId } = join();
    await clock.advance(BEAT_TIMEOUT_MS / 2);
    store.leave(code, peerId);
    await clock.advance(emptyRoomMs - 1000);
    expect(store.roomCount).toBe(1);
    await clock.advance(3000);
    expect(store.roomCount).toBe(0);
  });

  test('drops a tab that stops beating, and tells it and the others', async () => {
    const { clock, store, code, join } = testStore();
    const silent = join();
    const other = join();
    for (let second = 0; second < 10; second++) {
      store.heardFrom(code, other.peerId);
      await clock.advance(1000);
    }
    expect(events(silent.notices)).toContain('dropped');
    expect(events(other.notices)).toContain('peer:left');
    expect(lastState(other.notices)?.peers.map((p) => p.peerId)).toEqual([other.peerId]);
  });

  test('makes place for a new one when the server is full of empty ones, but takes none from people', () => {
    const { store, code, join } = testStore();
    for (let i = 1; i < MAX_ROOMS; i++) store.create({});
    join();
    store.create({});
    expect(store.roomCount).toBe(MAX_ROOMS);
    expect(join({ code }).peerId).toBe(2);
  });

  test('passes signals to the one they are for, inside the room only', () => {
    const { store, code, join } = testStore();
    const [a, b, c] = [join(), join(), join()];
    const elsewhere = store.create({}).code;
    const stranger = join({ code: elsewhere });
    store.relay(code, a.peerId, b.peerId, { type: 'rollback' });
    expect(b.notices).toEqual([{ event: 'signal', message: { from: a.peerId, data: { type: 'rollback' } } }]);
    expect([...a.notices, ...c.notices, ...stranger.notices]).toEqual([]);
    expect(() => store.relay(elsewhere, 1, 2, { type: 'rollback' })).toThrow(AppError);
  });
});

describe('planning', () => {
  test('waits for a missing link, but not for ever', async () => {
    const { clock, host } = readyRoom();
    await clock.advance(graceMs - 1);
    expect(events(host.notices)).not.toContain('plan:prepare');
    await clock.advance(1 + stateMs);
    expect(lastState(host.notices)?.problem?.code).toBe('no-path');
  });

  test('starts as soon as everything is measured', async () => {
    const { clock, host, donor, link } = readyRoom();
    link();
    await clock.advance(settleMs);
    expect(events(host.notices)).toContain('plan:prepare');
    expect(events(donor.notices)).toContain('plan:prepare');
  });

  test('starts in the end however often something changes', async () => {
    const planner = new ManualPlanner();
    const { clock, store, code, host, donor } = readyRoom(planner);
    for (let elapsedMs = 0; elapsedMs < patienceMs; elapsedMs += 500) {
      store.heardFrom(code, host.peerId);
      store.heardFrom(code, donor.peerId);
      store.apply(code, { kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9, 1 + elapsedMs), origin: 'measured' });
      await clock.advance(500);
    }
    expect(planner.asked.length).toBeGreaterThan(0);
  });

  test('ignores an answer after a newer question', async () => {
    const planner = new ManualPlanner();
    const { clock, store, code, donor, host, link } = readyRoom(planner);
    link();
    await clock.advance(settleMs);
    store.apply(code, { kind: 'profile', peerId: donor.peerId, profile: tinyProfile(1e9, 7), origin: 'measured' });
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
    const { clock, store, code, donor, host, link } = readyRoom();
    link();
    await clock.advance(settleMs);
    store.apply(code, { kind: 'ready', peerId: donor.peerId, epoch: 1 });
    store.leave(code, donor.peerId);
    await clock.advance(settleMs + stateMs);
    expect(lastState(host.notices)).toMatchObject({ plan: null, problem: { code: 'no-devices' } });
  });
});

describe('a stage that the room waits for', () => {
  const profile = { ...tinyProfile(1e9), decodeLayerMs: 9 };

  /** The only stage of the first plan is loading; everybody beats. */
  async function loadingRoom() {
    const room = readyRoom();
    room.link();
    await room.clock.advance(settleMs);
    const { clock, store, code, host, donor } = room;
    const pass = async (ms: number, each: () => void = () => {}) => {
      for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 1000) {
        for (const { peerId } of [host, donor]) store.heardFrom(code, peerId);
        each();
        await clock.advance(1000);
      }
    };
    const peerOf = (state: RoomState | undefined) => state?.peers.find(({ peerId }) => peerId === donor.peerId);
    const fail = (error: { code: 'model-unreachable' | 'out-of-memory'; message: string }, epoch = 1) =>
      store.apply(code, { kind: 'failed', peerId: donor.peerId, epoch, error });
    return { ...room, pass, fail, problem: () => peerOf(lastState(host.notices))?.problem };
  }

  test('may take as long as it needs while something arrives', async () => {
    const { store, code, donor, host, pass, problem } = await loadingRoom();
    let loadedBytes = 0;
    await pass(5 * stallMs, () => {
      const progress = { loadedBytes: ++loadedBytes, shardBytes: 4000 };
      if (loadedBytes % 30 === 0) store.apply(code, { kind: 'progress', peerId: donor.peerId, epoch: 1, progress });
    });
    expect(problem()).toBeNull();
    expect(lastState(host.notices)?.preparing?.epoch).toBe(1);
  });

  test('is planned without, and says why, once nothing has arrived for a minute', async () => {
    const { store, code, donor, host, pass, problem } = await loadingRoom();
    const progress = { loadedBytes: 1_000_000, shardBytes: 4_000_000 };
    await pass(10_000, () => store.apply(code, { kind: 'progress', peerId: donor.peerId, epoch: 1, progress }));
    // The same bytes told again are no progress.
    await pass(stallMs - 10_000, () => store.apply(code, { kind: 'progress', peerId: donor.peerId, epoch: 1, progress }));
    expect(problem()).toBeNull();
    await pass(12_000);
    expect(problem()?.code).toBe('stage-failed');
    expect(problem()?.message).toMatch(/nothing of its layers for 6\d s, 60 s are allowed \(1.0 of 4.0 MB are there\)/);
    expect(lastState(host.notices)).toMatchObject({ preparing: null, problem: { code: 'no-devices' } });
  });

  test('is not given up for its silence once it is ready', async () => {
    const { store, code, donor, pass, problem } = await loadingRoom();
    store.apply(code, { kind: 'ready', peerId: donor.peerId, epoch: 1 });
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
    const { store, code, donor, host, pass, fail, problem } = await loadingRoom();
    fail({ code: 'model-unreachable', message: 'the connection failed' });
    store.apply(code, { kind: 'profile', peerId: donor.peerId, profile, origin: 'measured' });
    await pass(1000);
    fail({ code: 'out-of-memory', message: 'too large' }, lastState(host.notices)!.preparing!.epoch);
    await pass(20 * retryMs);
    expect(problem()?.code).toBe('out-of-memory');
  });
});
