import type { Objective, ObjectiveChoice } from './plan.ts';
import type { WireDtype } from './wire-dtype.ts';

/** What the host of a room decides. */
export interface RoomSettings {
  /** Absolute, or relative to the page's origin. */
  modelUrl: string;
  /** Tokens per sequence; null takes the lesser of 2,048 and the model's own. */
  contextLength: number | null;
  wireDtype: WireDtype;
  objective: ObjectiveChoice;
  /** The layers before this one run on every chat's own device: with one or more, the first stage sees no embedding. */
  sourceLayers: number;
  /** Final norm and output matrix run on every chat's own device: then no other sees a logit. */
  headOnSource: boolean;
}

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
