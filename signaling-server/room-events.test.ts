import { describe, expect, test } from 'vitest';
import { AppError } from '../src/shared/errors.ts';
import { layersOf } from '../src/shared/model/layer-range.ts';
import { MAX_PEERS_PER_ROOM } from '../src/shared/model/limits.ts';
import { DEFAULT_SETTINGS } from '../src/shared/model/room-settings.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import { applyToRoom, type RoomEvent } from './room-events.ts';
import { isMeasured, planningProblem } from './room-planning.ts';
import { type Effect, linkBetween, newRoom, publicState, type Room } from './room-state.ts';
import { TEST_HASH, TEST_KEYS, tinyProfile, tinySpec } from './testing/room.ts';

const url = DEFAULT_SETTINGS.modelUrl;
/** Keys and values of 64 tokens take 16 kB a layer: this is enough for two layers and the head, not for three. */
const HALF = 2 * (1000 + 64 * 256) + 100;

/** A room under test: applies events and keeps the effects of the last one. */
class TestRoom {
  room: Room = newRoom('ABCDE', TEST_KEYS, {});
  effects: Effect[] = [];

  apply(...events: RoomEvent[]): this {
    this.effects = [];
    for (const event of events) {
      const step = applyToRoom(this.room, event);
      this.room = step.room;
      this.effects.push(...step.effects);
    }
    return this;
  }

  chat(isHost = false): this {
    return this.apply({
      kind: 'join',
      name: 'chat',
      donates: false,
      chats: true,
      hostKeyHash: isHost ? TEST_HASH : null,
      tabKeyHash: TEST_HASH,
    });
  }

  donor(): this {
    return this.apply({ kind: 'join', name: 'donor', donates: true, chats: false, hostKeyHash: null, tabKeyHash: TEST_HASH });
  }

  links(...pairs: [number, number][]): this {
    return this.apply(...pairs.map(([peerId, to]) => ({ kind: 'link', peerId, to, link: { rttMs: 1, linkMbps: 100 } }) as const));
  }

  plan(): this {
    const asked = planningProblem(this.room);
    if (!asked) throw new Error('nothing to plan');
    return this.apply({ kind: 'planned', asked, result: planRoom(asked) });
  }

  ready(epoch: number, ...peers: number[]): this {
    return this.apply(...peers.map((peerId) => ({ kind: 'ready', peerId, epoch }) as const));
  }

  notices(): string[] {
    return this.effects.flatMap((effect) => {
      if (effect.kind !== 'send') return [];
      const { event, message } = effect.notice;
      const epoch = 'plan' in message ? message.plan?.epoch : 'epoch' in message ? message.epoch : '';
      return [`${event} ${epoch}${effect.to === 'all' ? '' : ` to ${effect.to}`}`.trim()];
    });
  }

  has(kind: 'state' | 'replan'): boolean {
    return this.effects.some((effect) => effect.kind === kind);
  }
}

/** Chat 1 is the host; donors 2 and 3 hold half of the model each and are linked to everybody. */
function halves(): TestRoom {
  const room = new TestRoom().chat(true).donor().donor();
  room.apply({ kind: 'model', peerId: 1, modelUrl: url, spec: tinySpec });
  room.apply(
    { kind: 'profile', peerId: 2, profile: tinyProfile(HALF), origin: 'measured' },
    { kind: 'profile', peerId: 3, profile: tinyProfile(HALF), origin: 'measured' },
  );
  return room.links([2, 1], [3, 1], [3, 2]);
}

const running = () => halves().plan().ready(1, 2, 3);

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'accepted';
}

describe('a plan goes through', () => {
  test('prepare, ready of every stage, activate, moved of every chat, retire', () => {
    const room = halves().plan();
    expect(room.notices()).toEqual(['plan:prepare 1']);
    expect(room.ready(1, 2).notices()).toEqual([]);
    expect(room.ready(1, 3).notices()).toEqual(['plan:activate 1']);
    expect(room.room.plan?.epoch).toBe(1);
    expect(room.apply({ kind: 'moved', peerId: 1, epoch: 1 }).notices()).toEqual([]);
  });

  test('the same with a better plan while the first one serves, and the first one is retired', () => {
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    room
      .donor()
      .apply({ kind: 'profile', peerId: 4, profile: tinyProfile(1e9, 1), origin: 'measured' })
      .links([4, 1], [4, 2], [4, 3]);
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
    expect(room.room.plan?.epoch).toBe(1);
    expect(room.ready(2, 4).notices()).toEqual(['plan:activate 2']);
    expect(room.apply({ kind: 'moved', peerId: 1, epoch: 1 }).notices()).toEqual([]);
    expect(room.apply({ kind: 'moved', peerId: 1, epoch: 2 }).notices()).toEqual(['plan:retire 1']);
    expect(room.apply({ kind: 'moved', peerId: 1, epoch: 2 }).notices()).toEqual([]);
  });

  test('a chat that leaves counts as moved, one that comes later is not waited for', () => {
    const room = running().chat();
    const settings = { ...DEFAULT_SETTINGS, wireDtype: 'f16', objective: 'latency' } as const;
    room.apply({ kind: 'settings', peerId: 1, settings }).links([4, 2], [4, 3]);
    room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(1e9), origin: 'measured' });
    room.plan().ready(2, 2);
    expect(room.notices()).toEqual(['plan:activate 2']);
    room.chat();
    expect(room.apply({ kind: 'leave', peerId: 1 }).notices()).toEqual(['peer:left']);
    expect(room.apply({ kind: 'leave', peerId: 4 }).notices()).toEqual(['peer:left', 'plan:retire 1']);
  });

  test('late and foreign words about readiness change nothing', () => {
    const room = halves().plan();
    expect(room.ready(9, 2, 3).ready(1, 1).room.ready.size).toBe(0);
    expect(room.apply({ kind: 'moved', peerId: 1, epoch: 1 }).room.plan).toBeNull();
  });

  test('a newcomer is told of the plan in preparation', () => {
    expect(halves().plan().donor().notices()).toEqual(['plan:prepare 1 to 4']);
    expect(running().donor().notices()).toEqual([]);
  });
});

describe('a plan is given up', () => {
  test('at once when one of its stages leaves', () => {
    const room = running().apply({ kind: 'leave', peerId: 3 });
    expect(publicState(room.room).plan).toBeNull();
    expect(room.notices()).toEqual(['peer:left']);
    expect(room.has('replan') && room.has('state')).toBe(true);
  });

  test('and mended: who is left keeps its layers, and only then the best plan is asked for', () => {
    const room = halves().donor();
    room.apply({ kind: 'profile', peerId: 4, profile: tinyProfile(HALF), origin: 'measured' }).links([4, 1], [4, 2], [4, 3]);
    const [first, last] = room.plan().room.preparing!.stages;
    room.ready(1, first!.peerId, last!.peerId).apply({ kind: 'leave', peerId: first!.peerId });
    expect(planningProblem(room.room)?.surviving).toEqual([last]);
    const mended = room.plan().room.preparing!;
    expect(mended.stages).toContainEqual(last);
    expect(mended.why.code).toBe('mended');
    room.ready(2, ...mended.stages.map((stage) => stage.peerId));
    expect(room.has('replan')).toBe(true);
    expect(planningProblem(room.room)?.surviving).toEqual([]);
    expect(room.plan().notices()).toEqual([]);
  });

  test('in preparation, when one of its stages leaves, and the next has a new epoch', () => {
    const room = halves().plan().apply({ kind: 'leave', peerId: 3 });
    expect(room.room.preparing).toBeNull();
    room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(1e9), origin: 'measured' });
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
  });

  test('when a stage fails, which is then left out until it measures itself again', () => {
    const room = halves().plan();
    room.apply({ kind: 'failed', peerId: 3, epoch: 1, error: { code: 'out-of-memory', message: 'too much' } });
    expect(room.room.preparing).toBeNull();
    expect(publicState(room.room).peers[2]?.problem?.code).toBe('out-of-memory');
    expect(planningProblem(room.room)?.devices.map((d) => d.peerId)).toEqual([2]);
    expect(room.plan().room.problem?.code).toBe('does-not-fit');
    room.apply({ kind: 'profile', peerId: 3, profile: tinyProfile(HALF), origin: 'measured' });
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
    expect(room.room.problem).toBeNull();
  });

  test('but not because a device that no plan names failed', () => {
    const room = running().apply({ kind: 'failed', peerId: 1, epoch: 1, error: { code: 'internal', message: 'x' } });
    expect(room.room.plan?.epoch).toBe(1);
    expect(publicState(room.room).peers[0]?.problem).toBeNull();
  });

  test('and not because a newcomer makes the next one impossible', () => {
    const room = running().chat().links([4, 2], [4, 3]).plan();
    expect(room.room.problem?.code).toBe('does-not-fit');
    expect(room.room.plan?.epoch).toBe(1);
  });

  test('when its device gives no layers any more and nothing replaces it', () => {
    const room = running().apply({ kind: 'donates', peerId: 2, donates: false }).plan();
    expect(room.room.plan).toBeNull();
    expect(room.room.problem?.code).toBe('does-not-fit');
  });

  test('never for noise in the measurements', () => {
    const room = running();
    expect(
      room
        .apply({ kind: 'profile', peerId: 2, profile: tinyProfile(HALF, 5.2), origin: 'measured' })
        .plan()
        .notices(),
    ).toEqual([]);
    expect(room.links([3, 2]).has('replan')).toBe(false);
    expect(room.apply({ kind: 'link', peerId: 3, to: 2, link: { rttMs: 9, linkMbps: 100 } }).has('replan')).toBe(true);
  });

  test('but what it says is what it takes by the latest measurements', () => {
    const room = running();
    const before = room.room.plan!;
    room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(HALF, 5.5), origin: 'measured' }).plan();
    const now = room.room.plan!;
    expect(now.predicted.msPerToken).toBeCloseTo(before.predicted.msPerToken + 2 * 0.5, 9);
    expect(now.why.expected.msPerToken).toBe(now.predicted.msPerToken);
    expect({ ...now, predicted: before.predicted, why: before.why }).toEqual(before);
    expect(room.has('state')).toBe(true);
  });

  test('a plan that serves while the next one loads says what it takes too', () => {
    const room = running().apply({ kind: 'profile', peerId: 2, profile: tinyProfile(HALF, 50), origin: 'measured' });
    room
      .donor()
      .apply({ kind: 'profile', peerId: 4, profile: tinyProfile(1e9, 1), origin: 'measured' })
      .links([4, 1], [4, 2], [4, 3]);
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
    expect(room.room.plan?.predicted.stageMs).toContain(100);
  });

  test('an answer that the room has outrun is dropped and asked for again', () => {
    const room = halves();
    const asked = planningProblem(room.room)!;
    const result = planRoom(asked);
    room.apply({ kind: 'leave', peerId: 3 }).apply({ kind: 'planned', asked, result });
    expect(room.room.preparing).toBeNull();
    expect(room.has('replan')).toBe(true);
  });
});

describe('a room', () => {
  test('never uses an id twice', () => {
    const room = new TestRoom().chat().chat().apply({ kind: 'leave', peerId: 2 }).chat();
    expect(room.room.members.map((m) => m.peerId)).toEqual([1, 3]);
  });

  test('tells devices of one name apart, for as long as they are in it', () => {
    const room = new TestRoom().chat(true).donor().donor();
    const names = () => room.room.members.map(({ name }) => name);
    expect(names()).toEqual(['chat', 'donor', 'donor 2']);
    room.apply({ kind: 'leave', peerId: 2 });
    expect(names()).toEqual(['chat', 'donor 2']);
    room.donor();
    expect(names()).toEqual(['chat', 'donor 2', 'donor']);
  });

  test('takes the mean of what a serving device says, and what it measures on its own as it is', () => {
    const layerMs = (room: TestRoom) => publicState(room.room).peers[1]!.profile!.decodeLayerMs;
    const say = (room: TestRoom, ms: number, origin: 'served' | 'measured' | 'unchanged', lendBytes = HALF) =>
      room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(lendBytes, ms), origin });
    const room = running();
    expect(say(room, 5.8, 'served').has('replan')).toBe(false);
    expect(layerMs(room)).toBeCloseTo(5.4, 9);
    expect(say(room, 9, 'served').has('replan')).toBe(true);
    expect(layerMs(room)).toBeCloseTo(6.6, 9);
    expect(say(room, 1, 'unchanged', HALF + 1).has('replan')).toBe(true);
    expect(publicState(room.room).peers[1]!.profile).toMatchObject({ lendBytes: HALF + 1 });
    expect(layerMs(room)).toBeCloseTo(6.6, 9);
    say(room, 3, 'measured');
    expect(layerMs(room)).toBe(3);
  });

  test('forgets what was measured of a link while its tabs started, and then takes the mean', () => {
    const room = running();
    const say = (rttMs: number) => room.apply({ kind: 'link', peerId: 3, to: 2, link: { rttMs, linkMbps: 100 } });
    expect(say(9).has('replan')).toBe(true);
    expect(linkBetween(room.room, 2, 3)?.rttMs).toBe(9);
    expect(say(10.5).has('replan')).toBe(false);
    expect(linkBetween(room.room, 2, 3)?.rttMs).toBeCloseTo(9.5, 9);
  });

  test('is not told by a device that still serves an older plan that it can serve the one it failed', () => {
    const room = halves().plan();
    room.apply({ kind: 'failed', peerId: 3, epoch: 1, error: { code: 'out-of-memory', message: 'too much' } });
    room.apply({ kind: 'profile', peerId: 3, profile: tinyProfile(HALF), origin: 'served' });
    expect(publicState(room.room).peers[2]?.problem?.code).toBe('out-of-memory');
    room.apply({ kind: 'profile', peerId: 3, profile: tinyProfile(HALF), origin: 'unchanged' });
    expect(publicState(room.room).peers[2]?.problem).toBeNull();
  });

  test('takes model and settings from its host only, and only the model that it has', () => {
    const room = new TestRoom().chat(true).chat();
    const settings = { ...DEFAULT_SETTINGS, contextLength: 32 };
    expect(refusal(() => room.apply({ kind: 'settings', peerId: 2, settings }))).toBe('not-host');
    expect(refusal(() => room.apply({ kind: 'model', peerId: 2, modelUrl: url, spec: tinySpec }))).toBe('not-host');
    expect(refusal(() => room.apply({ kind: 'model', peerId: 1, modelUrl: '/other.gguf', spec: tinySpec }))).toBe('bad-message');
    expect(refusal(() => room.apply({ kind: 'model', peerId: 1, modelUrl: url, spec: { ...tinySpec, nLayers: 9 } }))).toBe(
      'bad-message',
    );
    room.apply({ kind: 'settings', peerId: 1, settings });
    room.apply({ kind: 'leave', peerId: 1 });
    expect(refusal(() => room.apply({ kind: 'settings', peerId: 2, settings }))).toBe('not-host');
    expect(publicState(room.room).hosts).toEqual([]);
  });

  test('forgets plan, model, measurements and failures when the host names another model', () => {
    const room = running().apply({ kind: 'settings', peerId: 1, settings: { ...DEFAULT_SETTINGS, modelUrl: '/other.gguf' } });
    expect(room.room).toMatchObject({ plan: null, preparing: null, model: null });
    expect(planningProblem(room.room)).toBeNull();
    room.apply({ kind: 'model', peerId: 1, modelUrl: '/other.gguf', spec: tinySpec });
    // What a device measured of the other model's layers says nothing of these.
    room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(HALF), origin: 'served' });
    expect(planningProblem(room.room)?.devices).toEqual([]);
    const profile = tinyProfile(HALF);
    for (const peerId of [2, 3]) room.apply({ kind: 'profile', peerId, profile, origin: 'measured' });
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
  });

  test('forgets the plan when its host changes the context, as tabs then do', () => {
    const room = running();
    const { settings } = room.room;
    room.apply({ kind: 'settings', peerId: 1, settings: { ...settings, contextLength: 64 } });
    expect(room.room).toMatchObject({ plan: null, preparing: null, model: tinySpec });
    expect(room.plan().notices()).toEqual(['plan:prepare 2']);
    expect(room.room.preparing?.contextLength).toBe(64);
  });

  test('plans with the context and the number format of its settings', () => {
    const room = halves().apply({
      kind: 'settings',
      peerId: 1,
      settings: { ...DEFAULT_SETTINGS, contextLength: 16, wireDtype: 'f16' },
    });
    expect(room.plan().room.preparing).toMatchObject({ contextLength: 16, wireDtype: 'f16' });
  });

  test('plans for one fast answer with one chat and for all of them from two on, unless its host decides', () => {
    const room = halves();
    expect(planningProblem(room.room)).toMatchObject({ objective: 'latency', concurrentSequences: 1 });
    room.chat();
    expect(planningProblem(room.room)).toMatchObject({ objective: 'throughput', concurrentSequences: 2 });
    room.apply({ kind: 'settings', peerId: 1, settings: { ...DEFAULT_SETTINGS, objective: 'first-token' } });
    expect(planningProblem(room.room)).toMatchObject({ objective: 'first-token' });
    room.apply({ kind: 'settings', peerId: 1, settings: { ...DEFAULT_SETTINGS, objective: 'throughput' } });
    expect(planningProblem(room.room)?.concurrentSequences).toBeGreaterThan(2);
  });

  test('is full at its limit', () => {
    const room = new TestRoom();
    for (let i = 0; i < MAX_PEERS_PER_ROOM; i++) room.donor();
    expect(refusal(() => room.donor())).toBe('room-full');
  });

  test('is measured when every donor and every link that a plan could use is known, broken ones too', () => {
    const room = new TestRoom().chat(true).donor().donor().chat();
    room.apply({ kind: 'profile', peerId: 2, profile: tinyProfile(1), origin: 'measured' }).links([2, 1], [4, 2], [3, 1], [4, 3]);
    expect(isMeasured(room.room)).toBe(false);
    room.apply({ kind: 'profile', peerId: 3, profile: tinyProfile(1), origin: 'measured' });
    expect(isMeasured(room.room)).toBe(false);
    room.apply({ kind: 'link', peerId: 3, to: 2, link: null });
    expect(isMeasured(room.room)).toBe(true);
  });

  test('believes a broken link from either end, and one that works again too', () => {
    const room = new TestRoom().donor().donor().links([1, 2], [2, 1]);
    room.apply({ kind: 'link', peerId: 1, to: 2, link: null });
    expect(linkBetween(room.room, 1, 2)).toBeNull();
    room.links([2, 1]);
    expect(linkBetween(room.room, 1, 2)).toEqual({ rttMs: 1, linkMbps: 100 });
    room.apply({ kind: 'link', peerId: 1, to: 2, link: { rttMs: 3, linkMbps: 200 } });
    expect(linkBetween(room.room, 2, 1)).toEqual({ rttMs: 2, linkMbps: 150 });
    expect(refusal(() => room.links([1, 1]))).toBe('peer-not-found');
    expect(refusal(() => room.links([1, 9]))).toBe('peer-not-found');
  });
});

describe('a lost connection', () => {
  test('takes nothing from the plan that runs, and a new plan does not count on the device', () => {
    const room = running().apply({ kind: 'away', peerId: 3 });
    expect(room.notices()).toEqual([]);
    expect(room.room.plan?.epoch).toBe(1);
    expect(publicState(room.room).peers[2]).toMatchObject({ connected: false, profile: { engine: 'cpu' } });
    expect(planningProblem(room.room)?.devices.map(({ peerId }) => peerId)).toEqual([2]);
    room.plan();
    expect(room.room.plan?.epoch).toBe(1);
    room.apply({ kind: 'back', peerId: 3, donates: true, chats: false, hostKeyHash: null });
    expect(planningProblem(room.room)?.devices.map(({ peerId }) => peerId)).toEqual([2, 3]);
  });

  test('is the end of the device once every other one has lost its link to it as well', () => {
    const room = running().apply({ kind: 'link', peerId: 2, to: 3, link: null });
    expect(room.notices()).toEqual([]);
    // A link that broke long ago says nothing of a device that a chat still reaches.
    room.apply({ kind: 'away', peerId: 3 }, { kind: 'link', peerId: 2, to: 3, link: null });
    expect(room.notices()).toEqual([]);
    expect(room.room.plan?.epoch).toBe(1);
    room.apply({ kind: 'link', peerId: 1, to: 3, link: null });
    expect(room.notices()).toEqual(['peer:left']);
    expect(room.room.plan).toBeNull();
    expect(room.room.broken?.epoch).toBe(1);
  });

  test('of a stage does not keep from it what it missed: a plan in preparation, and that older ones are over', () => {
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    room
      .donor()
      .apply({ kind: 'profile', peerId: 4, profile: tinyProfile(1e9, 1), origin: 'measured' })
      .links([4, 1], [4, 2], [4, 3])
      .apply({ kind: 'away', peerId: 4 });
    room.apply({ kind: 'back', peerId: 4, donates: true, chats: false, hostKeyHash: null }).plan();
    room.apply({ kind: 'back', peerId: 3, donates: true, chats: false, hostKeyHash: null });
    expect(room.notices()).toEqual(['plan:prepare 2 to 3']);
    room.ready(2, 4).apply({ kind: 'moved', peerId: 1, epoch: 2 });
    room.apply({ kind: 'back', peerId: 3, donates: true, chats: false, hostKeyHash: null });
    expect(room.notices()).toEqual(['plan:retire 1 to 3']);
  });
});

describe('a device that cannot load its part of the next plan', () => {
  test('goes on serving the one that runs', () => {
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    room
      .donor()
      .apply({ kind: 'profile', peerId: 4, profile: tinyProfile(HALF, 1), origin: 'measured' })
      .links([4, 1], [4, 2], [4, 3]);
    const { stages } = room.plan().room.preparing!;
    const kept = stages.find(({ peerId }) => peerId !== 4)!.peerId;
    room.apply({ kind: 'failed', peerId: kept, epoch: 2, error: { code: 'model-unreachable', message: 'broke off' } });
    expect(room.room.plan?.epoch).toBe(1);
    room.plan();
    expect(room.room.plan?.epoch).toBe(1);
  });

  test('loses the plan that runs only when it fails in that one', () => {
    const room = running();
    room.apply({ kind: 'failed', peerId: 3, epoch: 1, error: { code: 'stage-hung', message: 'does not come back' } });
    expect(room.room.plan).toBeNull();
    expect(room.effects).toContainEqual(expect.objectContaining({ kind: 'retry', peerId: 3 }));
  });
});

describe('two plans at once', () => {
  test('are asked for anew when another one has come to serve since: devices hold something else', () => {
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    room
      .donor()
      .apply({ kind: 'profile', peerId: 4, profile: tinyProfile(1e9, 1), origin: 'measured' })
      .links([4, 1], [4, 2], [4, 3])
      .plan();
    const asked = planningProblem(room.room)!;
    room.ready(2, 4).apply({ kind: 'planned', asked, result: planRoom(asked) });
    expect(room.notices()).toEqual([]);
    expect(room.effects).toEqual([{ kind: 'replan' }]);
  });

  const layerBytes = 1000 + 64 * 256;
  const union = (room: TestRoom, peerId: number) => {
    const plans = [room.room.plan, room.room.preparing, ...room.room.draining];
    const stages = plans.flatMap((plan) => plan?.stages.filter((stage) => stage.peerId === peerId) ?? []);
    return new Set(stages.flatMap(({ layers }) => layersOf(layers))).size;
  };

  test('never ask a device for more than it lends, the old one’s layers included', () => {
    // Each holds two of four layers; the newcomer is so much faster that it should have as many as it can.
    const room = running();
    const newcomer = { kind: 'profile', peerId: 4, profile: tinyProfile(3 * layerBytes + 100, 0.1), origin: 'measured' } as const;
    room.donor().apply(newcomer).links([4, 1], [4, 2], [4, 3]).plan();
    expect(room.room.preparing?.epoch).toBe(2);
    for (const peerId of [2, 3]) expect(union(room, peerId) * layerBytes).toBeLessThanOrEqual(HALF);
    // Until the chat has moved, the first plan's layers are held as well.
    room.ready(2, ...room.room.preparing!.stages.map((stage) => stage.peerId));
    const held = planningProblem(room.room)!.devices.map(({ peerId, held }) => [peerId, held?.layers.length ?? 0]);
    room.apply({ kind: 'moved', peerId: 1, epoch: 2 });
    const later = planningProblem(room.room)!.devices.map(({ peerId, held }) => [peerId, held?.layers.length ?? 0]);
    expect(held.reduce((sum, [, layers]) => sum + layers!, 0)).toBeGreaterThan(
      later.reduce((sum, [, layers]) => sum + layers!, 0),
    );
  });
});

describe('a plan that fits only where the old one is gone', () => {
  test('takes its place when that one has lost a link, and the tabs let go of it first', () => {
    // Both have room for two layers, and the link between them is lost: another order of the same devices would do.
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    room.donor().apply({ kind: 'profile', peerId: 4, profile: tinyProfile(HALF, 5), origin: 'measured' });
    room.links([4, 1], [4, 2], [4, 3]).apply({ kind: 'link', peerId: 3, to: 2, link: null });
    room.plan();
    expect(room.room.preparing?.epoch).toBe(2);
    expect(room.room.plan).toBeNull();
  });

  test('is not taken while the old one serves everybody', () => {
    const room = running().apply({ kind: 'moved', peerId: 1, epoch: 1 });
    const [first] = room.room.plan!.stages;
    // Much faster, but too small to take any layer beside what it holds.
    room.apply({ kind: 'profile', peerId: first!.peerId, profile: tinyProfile(HALF, 0.1), origin: 'measured' }).plan();
    expect(room.room.plan?.epoch).toBe(1);
  });
});

describe('who decides', () => {
  test('is every tab with a host key, in any number', () => {
    const room = new TestRoom().chat(true).chat(true).chat();
    expect(publicState(room.room).hosts).toEqual([1, 2]);
    const settings = { ...DEFAULT_SETTINGS, contextLength: 32 };
    for (const peerId of [1, 2]) expect(refusal(() => room.apply({ kind: 'settings', peerId, settings }))).toBe('accepted');
    expect(refusal(() => room.apply({ kind: 'settings', peerId: 3, settings }))).toBe('not-host');
  });

  test('removes others, not themselves, and renews the link with it', () => {
    const room = new TestRoom().chat(true).donor();
    const joinKey = 'n'.repeat(16);
    expect(refusal(() => room.apply({ kind: 'remove', peerId: 2, target: 1, joinKey }))).toBe('not-host');
    expect(refusal(() => room.apply({ kind: 'remove', peerId: 1, target: 1, joinKey }))).toBe('peer-not-found');
    room.apply({ kind: 'remove', peerId: 1, target: 2, joinKey });
    expect(room.room).toMatchObject({ joinKey, barred: [TEST_HASH], members: [{ peerId: 1 }] });
    expect(refusal(() => room.chat().apply({ kind: 'renew-link', peerId: 3, joinKey }))).toBe('not-host');
  });

  test('is the chat that takes the rights offered to it, and nobody else', () => {
    const room = new TestRoom().chat().chat();
    const keyHash = 'n'.repeat(43);
    room.apply({ kind: 'offer', to: 2 });
    expect(refusal(() => room.apply({ kind: 'take-host', peerId: 1, keyHash }))).toBe('not-host');
    room.apply({ kind: 'take-host', peerId: 2, keyHash });
    expect(publicState(room.room)).toMatchObject({ hosts: [2], hostKeyHashes: [TEST_HASH, keyHash], offeredTo: null });
  });

  test('loses the key that it took before when it takes the rights over again', () => {
    const room = new TestRoom().chat();
    for (const keyHash of ['k'.repeat(43), 'm'.repeat(43)]) {
      room.apply({ kind: 'offer', to: 1 }).apply({ kind: 'take-host', peerId: 1, keyHash });
    }
    expect(room.room.hostKeyHashes).toEqual([TEST_HASH, 'm'.repeat(43)]);
  });

  test('leave the first key good, however often they are taken over', () => {
    const room = new TestRoom();
    for (let i = 0; i < 40; i++) {
      const peerId = i + 1;
      room.chat().apply({ kind: 'offer', to: peerId });
      room.apply({ kind: 'take-host', peerId, keyHash: `${i}`.padEnd(43, 'k') }).apply({ kind: 'leave', peerId });
    }
    expect(room.room.hostKeyHashes).toHaveLength(16);
    expect(room.room.hostKeyHashes[0]).toBe(TEST_HASH);
    expect(room.room.hostKeyHashes.at(-1)).toBe('39'.padEnd(43, 'k'));
  });
});

test('what a device has in its store counts for the model that the room has', () => {
  const room = halves();
  room.apply({ kind: 'stored', peerId: 2, modelUrl: '/other.gguf', layers: [1], head: true });
  expect(room.room.members[1]!.stored).toBeNull();
  room.apply({ kind: 'stored', peerId: 2, modelUrl: url, layers: [1, 2], head: false });
  expect(room.room.members[1]!.stored).toEqual({ layers: [1, 2], head: false });
  room.apply({ kind: 'settings', peerId: 1, settings: { ...DEFAULT_SETTINGS, modelUrl: '/other.gguf' } });
  expect(room.room.members[1]!.stored).toBeNull();
});

test('settings that tabs start anew for make every plan void', () => {
  for (const change of [{ sourceLayers: 1 }, { headOnSource: true }]) {
    const room = running().apply({ kind: 'settings', peerId: 1, settings: { ...DEFAULT_SETTINGS, ...change } });
    expect(room.room.plan).toBeNull();
  }
});
