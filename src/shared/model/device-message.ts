import type { ErrorReport } from '../errors.ts';
import type { DeviceProfile, ProfileOrigin } from './device-profile.ts';
import type { EngineNote } from './engine-note.ts';
import type { LoadProgress } from './load-progress.ts';
import type { Stage } from './plan.ts';
import type { ShardParts } from './shard-parts.ts';

/** What this tab's device says of itself. */
export type DeviceMessage =
  | { kind: 'measuring' }
  | { kind: 'profile'; profile: DeviceProfile; origin: ProfileOrigin; engineNote: EngineNote }
  | { kind: 'device-failed'; error: ErrorReport }
  | { kind: 'progress'; epoch: number; progress: LoadProgress }
  | { kind: 'stage'; stage: Stage | null }
  | { kind: 'served'; tokensServed: number }
  /** The layers, and whether the head, that this device need not download again; after them `store-full`, if it is. */
  | ({ kind: 'stored'; modelUrl: string } & ShardParts)
  /** So much of its part could not be kept for next time, bytes. */
  | { kind: 'store-full'; neededBytes: number; freeBytes: number };

/** What came of a plan that this device was told to load. */
export type StageOutcome = { kind: 'ready'; epoch: number } | { kind: 'prepare-failed'; epoch: number; error: ErrorReport };
