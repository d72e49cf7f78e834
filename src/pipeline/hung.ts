/** How far beyond its expected time a forward may be before its stage counts as hung: a quarter, and so much, ms. */
const SLACK = 1.25;
const MARGIN_MS = 4000;

/** A stage that is slow by its own measure is left alone; one that takes far longer than it measured is not. */
export function isHung(elapsedMs: number, expectedMs: number): boolean {
  return elapsedMs > SLACK * expectedMs + MARGIN_MS;
}
