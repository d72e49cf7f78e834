import type { CostTables } from '../../src/shared/planner/cost.ts';

/** Llama 2 in FP32, as the paper ran it: decoder layers and sizes in MB, bytes of one token's activation. */
export const MODELS = {
  'Llama2-7B': { layers: 32, layerMb: 809.5, headMb: 524, activationBytes: 16_384 },
  'Llama2-13B': { layers: 40, layerMb: 1268.8, headMb: 655, activationBytes: 20_480 },
  'Llama2-70B': { layers: 80, layerMb: 3422.7, headMb: 1049, activationBytes: 32_768 },
} as const;
export type ModelName = keyof typeof MODELS;

/**
 * The paper's 15 devices. Time of a 7B layer: AGX Orin from the paper's 140.34 ms for 32 layers on one of them, the
 * others from the ratios of their memory bandwidths, which is what a single token is bound by; larger layers in
 * proportion to their bytes. Usable memory is what leaves the paper's own plans possible.
 */
const KINDS = {
  agx: { layerMs: 4.386, usableMb: 27_500 },
  nx: { layerMs: 8.77, usableMb: 13_500 },
  rtx: { layerMs: 1.63, usableMb: 22_500 },
} as const;
const DEVICES: readonly (keyof typeof KINDS)[] = [...new Array<'agx'>(12).fill('agx'), 'nx', 'nx', 'rtx'];

export const SOURCE = 0;
export const CLOUD = DEVICES.length - 1;
const EDGE_MBPS = 50;
/** What goes back to the source: the token's id, bytes. */
const REPLY_BYTES = 4;

/** The test-bed with so much bandwidth between source and cloud; all other links have 50 Mbit/s and no round trip time. */
export function testBed(name: ModelName, cloudMbps: number): CostTables {
  const model = MODELS[name];
  const scale = model.layerMb / MODELS['Llama2-7B'].layerMb;
  const all = [...DEVICES.keys()];
  const isSlow = (a: number, b: number) => (a === SOURCE && b === CLOUD) || (a === CLOUD && b === SOURCE);
  const ms = (a: number, b: number, bytes: number) =>
    a === b ? 0 : (bytes * 8) / ((isSlow(a, b) ? cloudMbps : EDGE_MBPS) * 1000);
  const hopMs = all.map((a) => all.map((b) => ms(a, b, model.activationBytes)));
  const exitMs = all.map((a) => ms(a, SOURCE, REPLY_BYTES));
  const none = all.map(() => 0);
  return {
    peerIds: all,
    nLayers: model.layers,
    sourceLayers: 0,
    msBefore: DEVICES.map((kind) => Array.from({ length: model.layers + 1 }, (_, n) => n * KINDS[kind].layerMs * scale)),
    overheadMs: none,
    headMs: none,
    headBusyMs: none,
    hopMs,
    hopBusyMs: hopMs,
    // The source embeds, so raw text stays there; the first decoder layer may be elsewhere.
    entryMs: hopMs[SOURCE]!,
    entryBusyMs: hopMs[SOURCE]!,
    exitMs,
    exitBusyMs: exitMs,
    sourceMs: 0,
    sourceBusyMs: 0,
    freeBytes: DEVICES.map((kind, i) => KINDS[kind].usableMb - (i === SOURCE ? model.headMb : 0)),
    bytesBefore: Array.from({ length: model.layers + 1 }, (_, n) => n * model.layerMb),
    headBytes: model.headMb,
    held: all.map(() => null),
  };
}
