import type { ErrorReport } from '../errors.ts';
import type { EngineKind } from './device-profile.ts';

/** Why a device uses its engine. */
export type EngineNote =
  /** Its owner named it. */
  | { code: 'as-asked'; engine: EngineKind }
  /** A token through the whole model takes `tokenMs` on it, and more on the next one. */
  | { code: 'fastest'; engine: EngineKind; tokenMs: number; next: EngineKind; nextTokenMs: number }
  /** The one that should have been used does not work here. */
  | { code: 'instead'; engine: EngineKind; missing: EngineKind; because: ErrorReport | 'not-offered' | 'not-tried' };
