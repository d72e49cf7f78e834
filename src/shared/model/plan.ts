import * as v from 'valibot';
import { LayerRangeSchema } from './layer-range.ts';
import { MAX_LAYERS, MAX_PEERS_PER_ROOM } from './limits.ts';
import { count, measure, positive } from './numbers.ts';
import { LeftOutReasonSchema, PlanWhySchema } from './plan-reasons.ts';
import { WIRE_DTYPES } from './wire-dtype.ts';

export const OBJECTIVES = ['latency', 'throughput', 'first-token'] as const;
export type Objective = (typeof OBJECTIVES)[number];
/** `auto` is latency for one chat and throughput from two on. */
export const OBJECTIVE_CHOICES = ['auto', ...OBJECTIVES] as const;
export type ObjectiveChoice = (typeof OBJECTIVE_CHOICES)[number];

/** One device's part of a plan. */
export const StageSchema = v.strictObject({
  peerId: positive,
  layers: LayerRangeSchema,
  /** True on the one stage that also turns the last hidden state into logits. */
  head: v.boolean(),
});
export type Stage = v.InferOutput<typeof StageSchema>;

export const PredictionSchema = v.strictObject({
  /** Time from one token to the next for a single chat, ms. */
  msPerToken: measure,
  /** The same for each chat while all chats of the room ask at the same time, ms; left out where there is only one. */
  msPerTokenTogether: v.exactOptional(measure),
  /** How long a token keeps the slowest stage or link from the next one, ms: its inverse bounds what all chats together get. */
  bottleneckMs: measure,
  /** Tokens per second of all sequences that generate at the same time. */
  tokensPerSecond: measure,
  /** From a prompt of the room's usual length to its first token, ms. */
  firstTokenMs: measure,
  /** Each stage's time for one token, fixed cost of the forward included, ms, in stage order. */
  stageMs: v.array(measure),
  /** The fixed cost within each stage's time, ms. */
  overheadMs: v.array(measure),
  /** Source to first stage, between stages, last stage to source, ms; one more entry than stages. */
  linkMs: v.array(measure),
});
export type Prediction = v.InferOutput<typeof PredictionSchema>;

export const LeftOutSchema = v.strictObject({
  peerId: positive,
  /** What the device would cost. */
  reason: LeftOutReasonSchema,
});
export type LeftOut = v.InferOutput<typeof LeftOutSchema>;

/**
 * Who runs what. Every source runs the layers before `sourceLayers` itself; stages are in the order that a token passes them
 * and cover every layer from there on once. Where no stage has the head, every source runs that itself too.
 */
export const PlanSchema = v.strictObject({
  /** Counts up with every plan of a room; names the plan in every frame. */
  epoch: positive,
  modelUrl: v.string(),
  /** Tokens that every sequence may hold. */
  contextLength: positive,
  wireDtype: v.picklist(WIRE_DTYPES),
  objective: v.picklist(OBJECTIVES),
  sourceLayers: v.pipe(count, v.maxValue(MAX_LAYERS)),
  stages: v.pipe(v.array(StageSchema), v.minLength(1), v.maxLength(MAX_PEERS_PER_ROOM)),
  predicted: PredictionSchema,
  /** Why these devices. */
  why: PlanWhySchema,
  /** Every device that lends memory but has no stage. */
  leftOut: v.pipe(v.array(LeftOutSchema), v.maxLength(MAX_PEERS_PER_ROOM)),
});
export type Plan = v.InferOutput<typeof PlanSchema>;
