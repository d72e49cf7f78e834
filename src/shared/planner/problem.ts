import type { ErrorReport } from '../errors.ts';
import type { DeviceProfile } from '../model/device-profile.ts';
import type { LinkProfile, PeerId } from '../model/link-profile.ts';
import type { ModelSpec } from '../model/model-spec.ts';
import type { Objective, Plan } from '../model/plan.ts';
import type { WireDtype } from '../model/wire-dtype.ts';

export interface PlanningDevice {
  peerId: PeerId;
  profile: DeviceProfile;
  /** True when this device also chats: it then holds the embedding besides its layers. */
  isSource: boolean;
}

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
}

/** A plan before the room gives it its epoch. */
export type PlanLayout = Omit<Plan, 'epoch' | 'modelUrl'>;

export type PlanResult = { ok: true; layout: PlanLayout } | { ok: false; error: ErrorReport };
