import * as v from 'valibot';
import { count, measure, positive } from './numbers.ts';

/** Why a plan is as it is: codes and measured values, of which pages make the sentences. Devices are named by their peer ids. */

const peerId = positive;

/** What a plan takes, as far as its objective asks. */
const ExpectationSchema = v.variant('objective', [
  v.strictObject({ objective: v.literal('latency'), msPerToken: measure }),
  v.strictObject({ objective: v.literal('first-token'), firstTokenMs: measure, msPerToken: measure }),
  /** `msPerToken` is what one answer alone takes, `tokensPerSecond` what `sequences` get together. */
  v.strictObject({ objective: v.literal('throughput'), tokensPerSecond: measure, sequences: measure, msPerToken: measure }),
]);

const choice = {
  expected: ExpectationSchema,
  /** What share of its time the best plan could at most save, where the search did not prove this one best. */
  possibleGain: v.nullable(measure),
  /** The best plan by the latest measurements, for which a move would gain too little. */
  tooLittleBetter: v.nullable(ExpectationSchema),
};

export const PlanWhySchema = v.variant('code', [
  /** Made in a hurry after a device was lost: loaded layers stay where they are. */
  v.strictObject({ code: v.literal('mended'), expected: ExpectationSchema }),
  /** `isFastest`: every chain of devices is slower. */
  v.strictObject({ code: v.literal('alone'), peerId, layers: count, isFastest: v.boolean(), ...choice }),
  /** `aloneMs` is what the best device alone would take; null: none has room for the whole model. */
  v.strictObject({
    code: v.literal('chain'),
    devices: count,
    computeMs: measure,
    linksMs: measure,
    overheadMs: measure,
    aloneMs: v.nullable(measure),
    ...choice,
  }),
]);

/** What is slowest about a device where the best plan with it has it. */
const SlownessSchema = v.variant('code', [
  v.strictObject({ code: v.literal('overhead'), overheadMs: measure }),
  v.strictObject({ code: v.literal('layers'), layerMs: measure, linksMs: measure }),
  v.strictObject({ code: v.literal('links'), linksMs: measure }),
  v.strictObject({ code: v.literal('far-link'), to: peerId, rttMs: measure }),
  v.strictObject({ code: v.literal('slow-link'), to: peerId, linkMbps: measure }),
]);

/** What the objective loses. */
const LossSchema = v.variant('objective', [
  v.strictObject({ objective: v.literal('latency'), moreMs: measure }),
  v.strictObject({ objective: v.literal('first-token'), moreMs: measure }),
  v.strictObject({ objective: v.literal('throughput'), tokensPerSecond: measure, lostPerSecond: measure }),
]);

export const LeftOutReasonSchema = v.variant('code', [
  /** What it measured of itself cannot be computed with. */
  v.strictObject({ code: v.literal('unusable') }),
  v.strictObject({ code: v.literal('too-small'), lendsBytes: measure, layerBytes: measure }),
  /** No chain of linked devices with room for the model passes it. */
  v.strictObject({ code: v.literal('unlinked') }),
  v.strictObject({ code: v.literal('no-faster'), slowness: SlownessSchema }),
  /** `isGuess`: it was tried in a few places of the chain only. */
  v.strictObject({ code: v.literal('costs'), loss: LossSchema, isGuess: v.boolean(), slowness: SlownessSchema }),
  /** The best plan has it, but is so little better that nobody moves. */
  v.strictObject({ code: v.literal('too-little-gain'), until: v.picklist(['next-token', 'first-token']), savedMs: measure }),
]);

export type Expectation = v.InferOutput<typeof ExpectationSchema>;
export type PlanWhy = v.InferOutput<typeof PlanWhySchema>;
export type Slowness = v.InferOutput<typeof SlownessSchema>;
export type Loss = v.InferOutput<typeof LossSchema>;
export type LeftOutReason = v.InferOutput<typeof LeftOutReasonSchema>;
