import type { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';

/** A device that fails at one and the same token so many times will not get over it. */
export const MAX_REBUILDS = 3;
/** How long an answer waits for a plan that replaces the one that failed, ms: a large shard is read anew in that time. */
export const REBUILD_PATIENCE_MS = 180_000;

/**
 * A device can lose what it held and still be there: its browser took the graphics device away, and it loads its layers
 * again. A sequence is then run again from its first token, under a plan newer than the returned epoch; a row is a row,
 * so the answer goes on as if nothing had been.
 *
 * @returns null when the answer has to end with this error.
 */
export function rebuildAfterEpoch({ code }: AppError, plan: Plan, rebuilds: number): number | null {
  if (rebuilds >= MAX_REBUILDS) return null;
  switch (code) {
    // The layers of this plan are gone: there will be another one.
    case 'device-lost':
    case 'epoch-unknown':
      return plan.epoch;
    // The layers are back, keys and values are not. Running from the first token leaves no gap, unless something is wrong.
    case 'sequence-gap':
      return rebuilds === 0 ? plan.epoch - 1 : null;
    default:
      return null;
  }
}
