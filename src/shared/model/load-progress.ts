import * as v from 'valibot';

const bytes = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** How far a device is with its part of the next plan. */
export const LoadProgressSchema = v.strictObject({ loadedBytes: bytes, shardBytes: bytes });
export type LoadProgress = v.InferOutput<typeof LoadProgressSchema>;
