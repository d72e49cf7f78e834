import type { LayerRange } from './layer-range.ts';
import type { PeerId } from './link-profile.ts';
import type { WireDtype } from './wire-dtype.ts';

export const OBJECTIVES = ['latency', 'throughput'] as const;
export type Objective = (typeof OBJECTIVES)[number];

/** One device's part of a plan. */
export interface Stage {
  peerId: PeerId;
  layers: LayerRange;
  /** True on the one stage that also turns the last hidden state into logits. */
  head: boolean;
}

/** Who runs what. Stages are in the order that a token passes them and cover every layer once. */
export interface Plan {
  /** Counts up with every plan of a room; names the plan in every frame. */
  epoch: number;
  modelUrl: string;
  /** Tokens that every sequence may hold. */
  contextLength: number;
  wireDtype: WireDtype;
  objective: Objective;
  stages: Stage[];
  predicted: Prediction;
  /** One sentence for people: why these devices. */
  why: string;
}

export interface Prediction {
  /** Time from one token to the next for a single chat, ms. */
  msPerToken: number;
  /** The slowest stage or link, ms: its inverse bounds what all chats together can get. */
  bottleneckMs: number;
  /** Compute of each stage, ms per token, in stage order. */
  stageMs: number[];
  /** Source to first stage, between stages, last stage to source, ms; one more entry than stages. */
  linkMs: number[];
}
