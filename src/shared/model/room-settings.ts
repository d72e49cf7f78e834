import * as v from 'valibot';
import { MAX_LAYERS } from './limits.ts';
import { count } from './numbers.ts';
import { OBJECTIVE_CHOICES, type Objective } from './plan.ts';
import { WIRE_DTYPES } from './wire-dtype.ts';

/** What the host of a room decides. */
export const RoomSettingsSchema = v.strictObject({
  /** Absolute, or relative to the page's origin. */
  modelUrl: v.pipe(v.string(), v.minLength(1), v.maxLength(2048)),
  /** Tokens per sequence; null takes the lesser of 2,048 and the model's own. */
  contextLength: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(131_072))),
  wireDtype: v.picklist(WIRE_DTYPES),
  objective: v.picklist(OBJECTIVE_CHOICES),
  /** The layers before this one run on every chat's own device: with one or more, the first stage sees no embedding. */
  sourceLayers: v.pipe(count, v.maxValue(MAX_LAYERS)),
  /** Final norm and output matrix run on every chat's own device: then no other sees a logit. */
  headOnSource: v.boolean(),
});
export type RoomSettings = v.InferOutput<typeof RoomSettingsSchema>;

export const DEFAULT_CONTEXT_LENGTH = 2048;
export const DEFAULT_MODEL_URL = '/models/storyteller-1.7m-q8_0.gguf';

export const DEFAULT_SETTINGS: RoomSettings = {
  modelUrl: DEFAULT_MODEL_URL,
  contextLength: null,
  wireDtype: 'f32',
  objective: 'auto',
  sourceLayers: 0,
  headOnSource: false,
};

/** The context that a room really uses, tokens. */
export function effectiveContext(settings: RoomSettings, modelContextLength: number): number {
  return Math.min(settings.contextLength ?? DEFAULT_CONTEXT_LENGTH, modelContextLength);
}

/** What a room with so many chats plans for. */
export function effectiveObjective({ objective }: RoomSettings, chats: number): Objective {
  if (objective !== 'auto') return objective;
  return chats > 1 ? 'throughput' : 'latency';
}
