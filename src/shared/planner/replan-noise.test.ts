import { expect, test } from 'vitest';
import { type Followed, follow, startFollowing } from './drift.ts';
import { planRoom } from './plan.ts';
import type { PlanLayout, PlanningProblem } from './problem.ts';
import { randomNumbers, randomRoom } from './random-room.test-problem.ts';
import { shouldAdopt } from './replan.ts';

type Profile = PlanningProblem['devices'][number]['profile'];
type Link = PlanningProblem['links'][number];

/** A room whose devices and links are measured again and again, each time a little wrong, as the server would follow it. */
class NoisyRoom {
  plan: PlanLayout | null = null;
  adoptions = 0;
  private readonly random = randomNumbers(7);
  private readonly truth: PlanningProblem;
  private devices: Followed<Profile>[];
  private links: Followed<Link>[];

  constructor(truth: PlanningProblem) {
    this.truth = truth;
    this.devices = truth.devices.map((device) => startFollowing(device.profile));
    this.links = truth.links.map(startFollowing);
    this.replan();
  }

  /** One device and one link are measured, within 30% of what they are. */
  update(round: number): void {
    const device = round % this.devices.length;
    const link = round % this.links.length;
    const { profile } = this.truth.devices[device]!;
    const measured = { ...profile, decodeLayerMs: this.noisy(profile.decodeLayerMs), headMs: this.noisy(profile.headMs) };
    const byDevice = follow(this.devices[device]!, measured);
    const truth = this.truth.links[link]!;
    const byLink = follow(this.links[link]!, { ...truth, rttMs: this.noisy(truth.rttMs), linkMbps: this.noisy(truth.linkMbps) });
    this.devices[device] = byDevice.now;
    this.links[link] = byLink.now;
    if (byDevice.hasDrifted || byLink.hasDrifted) this.replan();
  }

  slowDown(peerId: number, factor: number): void {
    const device = this.truth.devices.find((one) => one.peerId === peerId)!;
    device.profile = { ...device.profile, decodeLayerMs: device.profile.decodeLayerMs * factor };
  }

  private noisy(value: number): number {
    return value * (0.7 + 0.6 * this.random());
  }

  private replan(): void {
    const devices = this.truth.devices.map((device, i) => ({ ...device, profile: this.devices[i]!.planned }));
    const asked = { ...this.truth, devices, links: this.links.map((link) => link.planned) };
    const result = planRoom(asked);
    if (!result.ok || !shouldAdopt(this.plan, result.layout, asked)) return;
    this.plan = result.layout;
    this.adoptions++;
  }
}

const roomOf = (seed: number) => randomRoom({ seed, devices: 6, layers: 12, room: 2.5, objective: 'latency' });

test('noise of 30% in 1,000 updates makes no room flap', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const room = new NoisyRoom(roomOf(seed));
    for (let round = 0; round < 1000; round++) room.update(round);
    expect(room.adoptions, `room ${seed}`).toBe(1);
  }
});

test('a device that really becomes four times slower loses layers soon, once', () => {
  const room = new NoisyRoom(roomOf(2));
  const first = room.plan!.stages.reduce((a, b) =>
    b.layers.endLayer - b.layers.startLayer > a.layers.endLayer - a.layers.startLayer ? b : a,
  );
  room.slowDown(first.peerId, 4);
  for (let round = 0; round < 200; round++) room.update(round);
  expect(room.adoptions).toBeGreaterThan(1);
  const adoptions = room.adoptions;
  const now = room.plan!.stages.find((stage) => stage.peerId === first.peerId);
  expect(now ? now.layers.endLayer - now.layers.startLayer : 0).toBeLessThan(first.layers.endLayer - first.layers.startLayer);
  for (let round = 200; round < 1000; round++) room.update(round);
  expect(room.adoptions).toBe(adoptions);
});
