import type { LayerRange } from './layer-range.ts';
import type { PeerId } from './link-profile.ts';
import type { LeftOutReason, PlanWhy } from './plan-reasons.ts';
import type { WireDtype } from './wire-dtype.ts';

export const OBJECTIVES = ['latency', 'throughput', 'first-token'] as const;
export type Objective = (typeof OBJECTIVES)[number];
/** `auto` is latency for one chat and throughput from two on. */
export const OBJECTIVE_CHOICES = ['auto', ...OBJECTIVES] as const;
export type ObjectiveChoice = (typeof OBJECTIVE_CHOICES)[number];

/** One device's part of a plan. */
export interface Stage {
  peerId: PeerId;
  layers: LayerRange;
  /** True on the one stage that also turns the last hidden state into logits. */
  head: boolean;
}

/**
 * Who runs what. Every source runs the layers before `sourceLayers` itself; stages are in the order that a token passes them
 * and cover every layer from there on once. Where no stage has the head, every source runs that itself too.
 */
export interface Plan {
  /** Counts up with every plan of a room; names the plan in every frame. */
  epoch: number;
  modelUrl: string;
  /** Tokens that every sequence may hold. */
  contextLength: number;
  wireDtype: WireDtype;
  objective: Objective;
  sourceLayers: number;
  stages: Stage[];
  predicted: Prediction;
  /** Why these devices. */
  why: PlanWhy;
  /** Every device that lends memory but has no stage. */
  leftOut: LeftOut[];
}

export interface LeftOut {
  peerId: PeerId;
  /** What the device would cost. */
  reason: LeftOutReason;
}

export interface Prediction {
  /** Time from one token to the next for a single chat, ms. */
  msPerToken: number;
  /** The same for each chat while all chats of the room ask at the same time, ms; left out where there is only one. */
  msPerTokenTogether?: number;
  /** How long a token keeps the slowest stage or link from the next one, ms: its inverse bounds what all chats together get. */
  bottleneckMs: number;
  /** Tokens per second of all sequences that generate at the same time. */
  tokensPerSecond: number;
  /** From a prompt of the room's usual length to its first token, ms. */
  firstTokenMs: number;
  /** Each stage's time for one token, fixed cost of the forward included, ms, in stage order. */
  stageMs: number[];
  /** The fixed cost within each stage's time, ms. */
  overheadMs: number[];
  /** Source to first stage, between stages, last stage to source, ms; one more entry than stages. */
  linkMs: number[];
}
