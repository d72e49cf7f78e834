import { expect, test } from 'vitest';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanningProblem } from '../src/shared/planner/problem.ts';
import { randomNumbers, randomRoom } from '../src/shared/planner/testing/random-room.ts';
import { applyToRoom, type RoomEvent } from './room-events.ts';
import { planningProblem } from './room-planning.ts';
import { newRoom, type Room } from './room-state.ts';
import { TEST_HASH, TEST_KEYS } from './testing/room.ts';

/** A room on the server whose devices and links report themselves again and again, each time a little wrong. */
class NoisyRoom {
  planChanges = 0;
  private room: Room = newRoom('ABCDE', TEST_KEYS, { objective: 'latency' });
  private readonly random = randomNumbers(7);
  private readonly truth: PlanningProblem;
  private readonly chatId: number;

  constructor(truth: PlanningProblem) {
    this.truth = truth;
    this.chatId = truth.devices.length + 1;
    for (const { peerId } of truth.devices) this.join(`device ${peerId}`, true);
    this.join('chat', false);
    this.apply({ kind: 'model', peerId: this.chatId, modelUrl: DEFAULT_MODEL_URL, spec: { ...truth.spec, contextLength: 1 } });
    for (const { a, b, rttMs, linkMbps } of truth.links)
      this.apply({ kind: 'link', peerId: a, to: b, link: { rttMs, linkMbps } });
    for (const { peerId, profile } of truth.devices) this.apply({ kind: 'profile', peerId, profile, origin: 'measured' });
    this.planChanges = 0;
  }

  get plan() {
    return this.room.plan!;
  }

  layersOf(peerId: number): number {
    const stage = this.plan.stages.find((one) => one.peerId === peerId);
    return stage ? stage.layers.endLayer - stage.layers.startLayer : 0;
  }

  /** One device and one link report, within 30% of what they are. */
  update(round: number): void {
    const { peerId, profile } = this.truth.devices[round % this.truth.devices.length]!;
    const measured = { ...profile, decodeLayerMs: this.noisy(profile.decodeLayerMs), headMs: this.noisy(profile.headMs) };
    this.apply({ kind: 'profile', peerId, profile: measured, origin: 'served' });
    const { a, b, rttMs, linkMbps } = this.truth.links[round % this.truth.links.length]!;
    this.apply({ kind: 'link', peerId: a, to: b, link: { rttMs: this.noisy(rttMs), linkMbps: this.noisy(linkMbps) } });
  }

  slowDown(peerId: number, factor: number): void {
    const device = this.truth.devices.find((one) => one.peerId === peerId)!;
    device.profile = { ...device.profile, decodeLayerMs: device.profile.decodeLayerMs * factor };
  }

  private noisy(value: number): number {
    return value * (0.7 + 0.6 * this.random());
  }

  private join(name: string, donates: boolean): void {
    this.apply({ kind: 'join', name, donates, chats: !donates, hostKeyHash: donates ? null : TEST_HASH, tabKeyHash: TEST_HASH });
  }

  /** As the server does: whatever asks for a plan gets one at once, and its stages are ready at once. */
  private apply(event: RoomEvent): void {
    const step = applyToRoom(this.room, event);
    this.room = step.room;
    for (const effect of step.effects) {
      if (effect.kind === 'replan') this.replan();
      else if (effect.kind === 'send' && effect.notice.event === 'plan:prepare') this.load();
    }
  }

  private replan(): void {
    const asked = planningProblem(this.room);
    if (asked) this.apply({ kind: 'planned', asked, result: planRoom(asked) });
  }

  private load(): void {
    const { epoch, stages } = this.room.preparing!;
    this.planChanges++;
    for (const { peerId } of stages) this.apply({ kind: 'ready', peerId, epoch });
  }
}

const roomOf = (seed: number) => new NoisyRoom(randomRoom({ seed, devices: 6, layers: 12, room: 2.5, objective: 'latency' }));

test('noise of 30% in 1,000 updates makes no room flap', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const room = roomOf(seed);
    for (let round = 0; round < 1000; round++) room.update(round);
    expect(room.planChanges, `room ${seed}`).toBe(0);
  }
});

test('a device that really becomes four times slower loses layers soon, and for good', () => {
  const room = roomOf(2);
  const [first] = room.plan.stages.toSorted((a, b) => room.layersOf(b.peerId) - room.layersOf(a.peerId));
  const layers = room.layersOf(first!.peerId);
  room.slowDown(first!.peerId, 4);
  for (let round = 0; round < 200; round++) room.update(round);
  expect(room.planChanges).toBeGreaterThan(0);
  const { planChanges } = room;
  expect(room.layersOf(first!.peerId)).toBeLessThan(layers);
  for (let round = 200; round < 1000; round++) room.update(round);
  expect(room.planChanges).toBe(planChanges);
});
