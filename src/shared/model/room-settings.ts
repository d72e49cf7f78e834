import type { Objective } from './plan.ts';
import type { WireDtype } from './wire-dtype.ts';

/** What the host of a room decides. */
export interface RoomSettings {
  /** Absolute, or relative to the page's origin. */
  modelUrl: string;
  /** Tokens per sequence; null takes the lesser of 2,048 and the model's own. */
  contextLength: number | null;
  wireDtype: WireDtype;
  objective: Objective;
}

export const DEFAULT_CONTEXT_LENGTH = 2048;
export const DEFAULT_MODEL_URL = '/models/storyteller-1.7m-q8_0.gguf';

export const DEFAULT_SETTINGS: RoomSettings = {
  modelUrl: DEFAULT_MODEL_URL,
  contextLength: null,
  wireDtype: 'f32',
  objective: 'latency',
};

/** The context that a room really uses, tokens. */
export function effectiveContext(settings: RoomSettings, modelContextLength: number): number {
  return Math.min(settings.contextLength ?? DEFAULT_CONTEXT_LENGTH, modelContextLength);
}
