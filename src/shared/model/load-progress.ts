import * as v from 'valibot';
import { count } from './numbers.ts';

/** How far a device is with its part of the next plan. */
export const LoadProgressSchema = v.strictObject({ loadedBytes: count, shardBytes: count });
export type LoadProgress = v.InferOutput<typeof LoadProgressSchema>;
