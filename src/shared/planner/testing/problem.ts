import * as fc from 'fast-check';
import type { LinkProfile } from '../../model/link-profile.ts';
import type { ModelSpec } from '../../model/model-spec.ts';
import { OBJECTIVES } from '../../model/plan.ts';
import type { PlanningDevice, PlanningProblem } from '../problem.ts';

/** A model whose layers take 92 bytes each and, with one token of context, 12 bytes of keys and values. */
export function spec(nLayers: number, changes: Partial<ModelSpec> = {}): ModelSpec {
  return {
    name: 'Tiny',
    architecture: 'llama',
    quantisation: 'F32',
    dim: 250,
    nLayers,
    nHeads: 1,
    nKvHeads: 1,
    headDim: 1,
    ffnDim: 1,
    vocabSize: 32,
    contextLength: 64,
    ropeTheta: 1e4,
    ropeDim: 1,
    rmsEps: 1e-5,
    tiedHead: false,
    layerBytes: new Array<number>(nLayers).fill(92),
    embeddingBytes: 50,
    headBytes: 60,
    ...changes,
  };
}

export function device(peerId: number, layerMs: number, lendBytes: number, isSource = false): PlanningDevice {
  const profile = { engine: 'cpu', adapter: 'test', prefillLayerMsPerToken: layerMs, forwardOverheadMs: 0, headMs: 0 } as const;
  return { peerId, isSource, profile: { ...profile, decodeLayerMs: layerMs, lendBytes } };
}

/** A link whose activation row (250 values of 4 bytes) takes half the round trip plus 8 / linkMbps ms. */
export function link(a: number, b: number, rttMs = 2, linkMbps = 1e6): LinkProfile {
  return { a: Math.min(a, b), b: Math.max(a, b), rttMs, linkMbps };
}

export function allLinks(peers: readonly number[], rttMs = 2): LinkProfile[] {
  return peers.flatMap((a, i) => peers.slice(i + 1).map((b) => link(a, b, rttMs)));
}

export function problem(changes: Partial<PlanningProblem>): PlanningProblem {
  const devices = changes.devices ?? [];
  return {
    spec: spec(4),
    contextLength: 1,
    wireDtype: 'f32',
    objective: 'latency',
    devices,
    links: allLinks(devices.map((d) => d.peerId)),
    sources: [],
    sequences: 1,
    concurrentSequences: 8,
    promptTokens: 100,
    sourceLayers: 0,
    head: 'last-stage',
    surviving: [],
    ...changes,
  };
}

const arbitraryMs = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300));

/** Small rooms, some of them absurd: no bandwidth, missing links, no memory, more devices than layers. */
export const arbitraryProblem: fc.Arbitrary<PlanningProblem> = fc
  .record({
    nDevices: fc.integer({ min: 0, max: 5 }),
    nLayers: fc.integer({ min: 1, max: 6 }),
    chats: fc.integer({ min: 0, max: 2 }),
  })
  .chain(({ nDevices, nLayers, chats }) => {
    const peers = Array.from({ length: nDevices + 1 }, (_, i) => i + 1);
    return fc.record({
      spec: fc
        .array(fc.integer({ min: 0, max: 200 }), { minLength: nLayers, maxLength: nLayers })
        .map((layerBytes) => spec(nLayers, { layerBytes })),
      contextLength: fc.integer({ min: 1, max: 8 }),
      wireDtype: fc.constantFrom('f32' as const, 'f16' as const),
      objective: fc.constantFrom(...OBJECTIVES),
      devices: fc.tuple(...peers.slice(0, nDevices).map((id) => arbitraryDevice(id, id <= chats - 1))),
      links: fc
        .tuple(...allLinks(peers).map((l) => fc.option(arbitraryLink(l), { freq: 5 })))
        .map((links) => links.filter((l) => l !== null)),
      // The peer after the last device chats without lending anything.
      sources: fc.constant(chats === 0 ? [] : [nDevices + 1, ...peers.slice(0, Math.min(chats - 1, nDevices))]),
      sequences: fc.constant(chats),
      concurrentSequences: fc.integer({ min: 1, max: 9 }),
      promptTokens: fc.integer({ min: 0, max: 100 }),
      sourceLayers: fc.constant(0),
      surviving: fc.constant([]),
      head: fc.constantFrom('last-stage' as const, 'source' as const, 'either' as const),
    });
  });

function arbitraryDevice(peerId: number, isSource: boolean): fc.Arbitrary<PlanningDevice> {
  return fc
    .record({ layerMs: arbitraryMs, overheadMs: arbitraryMs, headMs: arbitraryMs, lendBytes: fc.integer({ min: 0, max: 900 }) })
    .map(({ layerMs, overheadMs, headMs, lendBytes }) => {
      const plain = device(peerId, layerMs, lendBytes, isSource);
      return { ...plain, profile: { ...plain.profile, forwardOverheadMs: overheadMs, headMs } };
    });
}

function arbitraryLink({ a, b }: LinkProfile): fc.Arbitrary<LinkProfile> {
  return fc.record({
    a: fc.constant(a),
    b: fc.constant(b),
    rttMs: arbitraryMs,
    linkMbps: fc.oneof(fc.integer({ min: 0, max: 100 }), arbitraryMs),
  });
}
