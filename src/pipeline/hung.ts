import { AppError } from '../shared/errors.ts';

/** How far beyond its expected time a forward may be before its stage counts as hung, ms; a tick later the room hears of it. */
const MARGIN_MS = 4250;
/** What has not come back by then never will: ten times as long as expected, and so much, ms. */
const LOST_SLACK = 10;
const LOST_MARGIN_MS = 30_000;

/** A stage that is slow by its own measure is left alone; one that takes far longer than it measured is not. */
export function isHung(elapsedMs: number, expectedMs: number): boolean {
  return elapsedMs > expectedMs + MARGIN_MS;
}

/** Then only a new engine helps. */
export function isLost(elapsedMs: number, expectedMs: number): boolean {
  return elapsedMs > LOST_SLACK * expectedMs + LOST_MARGIN_MS;
}

export function hungError(elapsedMs: number, expectedMs: number): AppError {
  const message = `a forward takes ${Math.round(elapsedMs)} ms so far, ${Math.round(expectedMs)} ms were expected`;
  return new AppError('stage-hung', message);
}
