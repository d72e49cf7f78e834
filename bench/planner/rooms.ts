import type { LinkProfile } from '../../src/shared/model/link-profile.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';
import type { Objective } from '../../src/shared/model/plan.ts';
import type { PlanningDevice, PlanningProblem } from '../../src/shared/planner/problem.ts';
import { randomNumbers } from '../../src/shared/planner/testing/random-room.ts';

/** Where the devices of a room are: it decides what their links are like. */
export const PLACES = ['one home', 'three homes', 'everywhere', 'random'] as const;
export type Places = (typeof PLACES)[number];

export interface RoomSpec {
  seed: number;
  devices: number;
  layers: number;
  places: Places;
  /** Memory lent by all over what the model needs. */
  room: number;
  objective: Objective;
  /** Layers differ in time and size. */
  isUneven?: boolean;
}

/** ms per layer and relative memory of what people bring. */
const KINDS = [
  { part: 0.4, layerMs: [10, 25], memory: [1, 2] },
  { part: 0.4, layerMs: [4, 9], memory: [2, 4] },
  { part: 0.2, layerMs: [1, 3], memory: [4, 10] },
] as const;

/**
 * The rooms that the planner is measured on: phones, laptops and desktops, with a 70B-like model, in one home, in three,
 * each in a place of its own, and with links that follow no geography at all. The same seed gives the same room.
 */
export function benchRoom(spec: RoomSpec): PlanningProblem {
  const random = randomNumbers(spec.seed * 1000 + PLACES.indexOf(spec.places) * 100 + spec.devices);
  const model = modelOf(spec, random);
  const devices = devicesOf(spec, model, random);
  return {
    spec: model,
    contextLength: 2048,
    wireDtype: 'f32',
    objective: spec.objective,
    devices,
    links: linksOf(spec, random),
    sources: [spec.devices + 1],
    sequences: 1,
    concurrentSequences: 8,
    promptTokens: 256,
    sourceLayers: 0,
    head: 'last-stage',
    surviving: [],
  };
}

function modelOf({ layers, isUneven }: RoomSpec, random: () => number): ModelSpec {
  const layerBytes = Array.from({ length: layers }, () => Math.round(480e6 * (isUneven ? 0.8 + 0.4 * random() : 1)));
  const shape = { dim: 8192, nHeads: 64, nKvHeads: 8, headDim: 128, ffnDim: 28_672, vocabSize: 32_000, contextLength: 4096 };
  const rope = { ropeTheta: 1e4, ropeDim: 128, rmsEps: 1e-5 };
  const sizes = { layerBytes, embeddingBytes: 150e6, headBytes: 200e6, nLayers: layers };
  return { name: 'Bench', architecture: 'llama', quantisation: 'Q4_0', tiedHead: false, ...shape, ...rope, ...sizes };
}

function devicesOf(spec: RoomSpec, model: ModelSpec, random: () => number): PlanningDevice[] {
  const between = ([low, high]: readonly [number, number]) => low + (high - low) * random();
  const drawn = Array.from({ length: spec.devices }, () => {
    const kind = pickKind(random());
    return { layerMs: between(kind.layerMs), memory: between(kind.memory) };
  });
  const memorySum = drawn.reduce((sum, one) => sum + one.memory, 0);
  const neededBytes = model.layerBytes.reduce((sum, bytes) => sum + bytes + 8.5e6, model.headBytes);
  return drawn.map(({ layerMs, memory }, i) => ({
    peerId: i + 1,
    isSource: false,
    profile: {
      engine: 'webgpu',
      adapter: 'bench',
      decodeLayerMs: layerMs,
      prefillLayerMsPerToken: layerMs / between([4, 12]),
      forwardOverheadMs: between([0.5, 3]),
      headMs: layerMs * between([1, 2]),
      lendBytes: Math.round((memory / memorySum) * neededBytes * spec.room),
    },
    ...(spec.isUneven ? { layerMs: model.layerBytes.map(() => layerMs * between([0.9, 1.1])) } : {}),
  }));
}

function pickKind(at: number): (typeof KINDS)[number] {
  if (at < KINDS[0].part) return KINDS[0];
  return at < KINDS[0].part + KINDS[1].part ? KINDS[1] : KINDS[2];
}

/** The chat is the peer after the last device. */
function linksOf({ devices, places }: RoomSpec, random: () => number): LinkProfile[] {
  const points = Array.from({ length: devices + 1 }, () => ({ x: random(), y: random(), home: Math.floor(random() * 3) }));
  const links: LinkProfile[] = [];
  for (let a = 0; a <= devices; a++) {
    for (let b = a + 1; b <= devices; b++) links.push({ a: a + 1, b: b + 1, ...linkOf(places, points[a]!, points[b]!, random) });
  }
  return links;
}

interface Point {
  x: number;
  y: number;
  home: number;
}

function linkOf(places: Places, a: Point, b: Point, random: () => number): { rttMs: number; linkMbps: number } {
  const isLocal = places === 'one home' || (places === 'three homes' && a.home === b.home);
  if (isLocal) return { rttMs: 1 + 5 * random(), linkMbps: 80 * 5 ** random() };
  if (places === 'random') return { rttMs: 0.5 * 100 ** random(), linkMbps: 5 * 100 ** random() };
  const distance = places === 'three homes' ? 0.5 : Math.hypot(a.x - b.x, a.y - b.y);
  return { rttMs: 5 + 60 * distance + 10 * random(), linkMbps: 8 * 5 ** random() };
}
