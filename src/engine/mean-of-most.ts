/** The slowest of all samples tell of something else that the device did. */
const KEPT_SHARE = 0.9;

/**
 * Mean without the largest tenth; NaN of nothing. Not the median: a device that is held back now and then, by heat or by others,
 * takes that time from every answer too.
 */
export function meanOfMost(values: readonly number[]): number {
  return meanOfSmallest(values, KEPT_SHARE);
}

/** What something takes when nothing holds it back: the mean of the smaller half; NaN of nothing. */
export function meanOfFastHalf(values: readonly number[]): number {
  return meanOfSmallest(values, 0.5);
}

function meanOfSmallest(values: readonly number[], share: number): number {
  const kept = values.toSorted((a, b) => a - b).slice(0, Math.ceil(share * values.length));
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
