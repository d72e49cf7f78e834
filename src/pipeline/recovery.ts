import type { AppError, ErrorCode } from '../shared/errors.ts';

/** What fails at one and the same token so many times will not get over it. */
export const MAX_RECOVERIES = 6;
/** How long an answer waits for a plan that replaces the one that failed, ms: a large shard is read anew in that time. */
export const RECOVERY_PATIENCE_MS = 180_000;
/** A room that cannot be planned as it is may be a moment later, when a device has measured itself or a link is there, ms. */
export const HOPELESS_MS = 10_000;
/** A device that hangs is tried again after a while, and may have been held up only. */
const HUNG_HOPELESS_MS = 60_000;

/** How long an answer that this has happened to waits in a room that says that it cannot be planned, ms. */
export function hopelessMs({ code }: AppError): number {
  return code === 'stage-hung' ? HUNG_HOPELESS_MS : HOPELESS_MS;
}

/** Before a pass is repeated a link has this much time to come back; doubles with every further try, ms. */
const REPEAT_AFTER_MS = 250;

/**
 * How an answer goes on. A row is a row, so running tokens again changes none of them.
 *
 * - `repeat`: the stages still hold what came before this pass; only the pass is run again, after a while.
 * - `rebuild`: the sequence is run again from its first token, under another number.
 *
 * Under a plan newer than the one that failed, or under the same one: `after` a while, or when all of its stages can be `reached`.
 */
export type Recovery = { kind: 'repeat' | 'rebuild'; samePlan: { afterMs: number } | 'when-reached' | 'never' };

/**
 * @param before how this token has failed before, in order
 * @returns null when the answer has to end with this error
 */
export function recoveryFrom({ code }: AppError, before: readonly ErrorCode[]): Recovery | null {
  if (before.length >= MAX_RECOVERIES) return null;
  switch (code) {
    // The device is there without what it held, or does not come back from a forward: the room makes another plan.
    case 'device-lost':
    case 'epoch-unknown':
    case 'stage-hung':
      return { kind: 'rebuild', samePlan: 'never' };
    // Gone for good, and there will be another plan; or only the link was, and it comes back.
    case 'peer-lost':
      return { kind: 'rebuild', samePlan: 'when-reached' };
    // The layers are back, keys and values are not; or a chunk was lost that the next one builds on.
    case 'sequence-gap':
      return hasFailedTwice(code, before) ? null : { kind: 'rebuild', samePlan: { afterMs: 0 } };
    // Lost again and again: a stage has freed the sequence and drops what comes of it.
    case 'frame-lost':
      return { kind: hasFailedTwice(code, before) ? 'rebuild' : 'repeat', samePlan: { afterMs: repeatAfterMs(before.length) } };
    case 'busy':
      return { kind: 'repeat', samePlan: { afterMs: repeatAfterMs(before.length) } };
    default:
      return null;
  }
}

function repeatAfterMs(tries: number): number {
  return REPEAT_AFTER_MS * 2 ** tries;
}

function hasFailedTwice(code: ErrorCode, before: readonly ErrorCode[]): boolean {
  return before.length >= 2 && before.slice(-2).every((one) => one === code);
}
