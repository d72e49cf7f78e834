import type { LinkProfile } from '../../model/link-profile.ts';
import type { Objective } from '../../model/plan.ts';
import type { HeadPlace, PlanningDevice, PlanningProblem } from '../problem.ts';
import { device, problem, spec } from './problem.ts';

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface RoomShape {
  seed: number;
  devices: number;
  layers: number;
  /** Memory of the whole room over what the model needs: 1.05 is tight, 3 is loose. */
  room: number;
  objective: Objective;
  /** Layers differ in time on each device and in size. */
  isUneven?: boolean;
  head?: HeadPlace;
  /** The first device chats too, beside the peer that only chats. */
  isShared?: boolean;
  /** Layers on the chats; these are then the first device only. */
  sourceLayers?: number;
  /** Part of the pairs without a link. */
  unlinked?: number;
  /** Devices hold layers of a plan that serves, as far as they have memory for them. */
  isServing?: boolean;
  /** Slowest device over fastest. */
  speedRatio?: number;
}

/** A room of tabs: devices of different speed and memory, links from a fast LAN to a slow uplink, one chat beside them. */
export function randomRoom(shape: RoomShape): PlanningProblem {
  const random = randomNumbers(shape.seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  const layerBytes = Array.from({ length: shape.layers }, () => (shape.isUneven ? Math.round(between(52, 132)) : 92));
  const model = spec(shape.layers, { layerBytes, headBytes: 60, dim: 1000 });
  const neededBytes = layerBytes.reduce((sum, bytes) => sum + bytes + 12, model.headBytes);
  const shares = Array.from({ length: shape.devices }, () => between(0.3, 1));
  const shareSum = shares.reduce((sum, share) => sum + share, 0);
  const devices = shares.map((share, i) => {
    const layerMs = between(1, shape.speedRatio ?? 10);
    const lendBytes = Math.round((share / shareSum) * neededBytes * shape.room);
    return randomDevice(random, device(i + 1, layerMs, lendBytes, i === 0), shape);
  });
  if (shape.isServing) holdLayers(random, devices, layerBytes);
  const isMeasuredChat = (shape.head ?? 'last-stage') !== 'last-stage' || (shape.sourceLayers ?? 0) > 0;
  const sources = isMeasuredChat ? [1] : shape.isShared ? [shape.devices + 1, 1] : [shape.devices + 1];
  return problem({
    spec: model,
    devices,
    links: randomLinks(random, shape),
    sources,
    objective: shape.objective,
    concurrentSequences: 1 + Math.floor(random() * 8),
    promptTokens: 1 + Math.floor(random() * 200),
    head: shape.head ?? 'last-stage',
    sourceLayers: shape.sourceLayers ?? 0,
  });
}

function randomDevice(random: () => number, plain: PlanningDevice, shape: RoomShape): PlanningDevice {
  const { decodeLayerMs } = plain.profile;
  const profile = {
    ...plain.profile,
    prefillLayerMsPerToken: decodeLayerMs * (0.1 + 0.4 * random()),
    forwardOverheadMs: 2 * random(),
    headMs: decodeLayerMs * 2 * random(),
  };
  const uneven = Array.from({ length: shape.layers }, () => decodeLayerMs * (0.7 + 0.6 * random()));
  return { ...plain, profile, ...(shape.isUneven ? { layerMs: uneven } : {}) };
}

/** Some layers in a row, or none, and sometimes the head; each takes 12 bytes beside its weights, as in the cost model. */
function holdLayers(random: () => number, devices: PlanningDevice[], layerBytes: readonly number[]): void {
  for (const one of devices) {
    const layers: number[] = [];
    let leftBytes = one.profile.lendBytes - (one.isSource ? 200 : 0) - 60;
    for (let layer = Math.floor(random() * layerBytes.length); layer < layerBytes.length && random() < 0.8; layer++) {
      leftBytes -= layerBytes[layer]! + 12;
      if (leftBytes < 0) break;
      layers.push(layer);
    }
    one.held = { layers, head: leftBytes > 0 && random() < 0.3 };
  }
}

function randomLinks(random: () => number, shape: RoomShape): LinkProfile[] {
  const links: LinkProfile[] = [];
  for (let a = 1; a <= shape.devices; a++) {
    for (let b = a + 1; b <= shape.devices + 1; b++) {
      if (random() < (shape.unlinked ?? 0)) continue;
      links.push({ a, b, rttMs: 0.5 * 100 ** random(), linkMbps: 5 * 100 ** random() });
    }
  }
  return links;
}
