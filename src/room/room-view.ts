import type { LinkState } from '../mesh/link-state.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { DeviceProfile, EngineKind } from '../shared/model/device-profile.ts';
import type { EngineNote } from '../shared/model/engine-note.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { LoadProgress } from '../shared/model/load-progress.ts';
import type { Stage } from '../shared/model/plan.ts';
import type { RoomState } from '../shared/protocol/signaling.ts';

/** What a page shows of a room: a new, immutable value after every change. */
export interface RoomView {
  phase: RoomPhase;
  /** Why `phase` is `ended` or `passphrase`, or what went wrong last. */
  error: ErrorReport | null;
  selfId: PeerId | null;
  isHost: boolean;
  /** As the server last told it; while it is away, as it was then. */
  room: RoomState | null;
  /** Direct connections to the other devices. */
  links: LinkState[];
  self: SelfView;
  diagnostics: RoomDiagnostics;
}

/**
 * `asking`: somebody in the room is asked to let this tab in. `passphrase`: the room wants one. `reconnecting`: the server is
 * away, and this tab goes on with the others as before.
 */
export type RoomPhase = 'connecting' | 'asking' | 'passphrase' | 'joined' | 'reconnecting' | 'ended';

/** What was dropped so far because it did not fit the protocol, messages. */
export interface RoomDiagnostics {
  badServerMessages: number;
  badPeerMessages: number;
  droppedFrames: number;
}

/** This tab's own device. */
export interface SelfView {
  donates: boolean;
  engine: EngineKind | null;
  /** Why this engine. */
  engineNote: EngineNote | null;
  measuring: boolean;
  profile: DeviceProfile | null;
  lendBytes: number;
  /** Bytes of the shard being loaded, or of the one loaded last. */
  load: LoadProgress | null;
  /** What of it this browser has no room to keep for next time. */
  notKept: { neededBytes: number; freeBytes: number } | null;
  /** This device's part of the active plan. */
  stage: Stage | null;
  /** Rows that this device's layers have computed for others and for itself. */
  tokensServed: number;
}
