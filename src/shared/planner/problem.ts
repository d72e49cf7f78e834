import type { ErrorReport } from '../errors.ts';
import type { DeviceProfile } from '../model/device-profile.ts';
import type { LinkProfile, PeerId } from '../model/link-profile.ts';
import type { ModelSpec } from '../model/model-spec.ts';
import type { Objective, Plan, Stage } from '../model/plan.ts';
import type { ShardParts } from '../model/shard-parts.ts';
import type { WireDtype } from '../model/wire-dtype.ts';

export interface PlanningDevice {
  peerId: PeerId;
  profile: DeviceProfile;
  /** True when this device also chats: it then holds the embedding besides its layers. */
  isSource: boolean;
  /** What it must keep while the next plan loads, as it serves the present one with it: both together fit what it lends. */
  held?: ShardParts;
  /** What of the model it has wholly in its own store: that need not be downloaded. */
  stored?: ShardParts;
  /** Decode ms of each layer of the model, where they were measured one by one; else `decodeLayerMs` by its bytes. */
  layerMs?: readonly number[];
}

/** Where final norm and output matrix run. `either` lets the planner choose. */
export type HeadPlace = 'last-stage' | 'source' | 'either';

/** All that a plan depends on. */
export interface PlanningProblem {
  spec: ModelSpec;
  /** Tokens that every sequence may hold. */
  contextLength: number;
  wireDtype: WireDtype;
  objective: Objective;
  devices: PlanningDevice[];
  /** Measured links between any two peers of the room, sources without layers included. */
  links: LinkProfile[];
  /** Peers that chat: a token starts and ends there. */
  sources: PeerId[];
  /** Sequences whose keys and values are kept at the same time; less than one counts as one. */
  sequences: number;
  /** Sequences that generate at the same time, for `throughput`; less than one counts as one. */
  concurrentSequences: number;
  /** Prompt length that `first-token` and the predicted time to a first token are made for. */
  promptTokens: number;
  /** Layers that every source runs itself, before the first stage: 0 lets the first stage read the prompt. */
  sourceLayers: number;
  head: HeadPlace;
  /**
   * Stages of a plan that has just lost a device, in order: they should keep their layers, as answers wait for a plan.
   * Empty when the best plan is wanted.
   */
  surviving: Stage[];
}

/** A plan before the room gives it its epoch. */
export type PlanLayout = Omit<Plan, 'epoch' | 'modelUrl'>;

export type PlanResult = { ok: true; layout: PlanLayout } | { ok: false; error: ErrorReport };
