import type { DeviceProfile } from '../model/device-profile.ts';
import type { LinkProfile } from '../model/link-profile.ts';

/** The least that a new measurement counts: the mean is that of the last ten or so. */
const LEAST_WEIGHT = 0.1;
/** What has moved less than this since it last was news is no reason to plan anew. */
export const NOTEWORTHY_DRIFT = 0.2;

export const DEVICE_TIMES = ['decodeLayerMs', 'prefillLayerMsPerToken', 'forwardOverheadMs', 'headMs'] as const;
export const LINK_NUMBERS = ['rttMs', 'linkMbps'] as const;

type Measured = Pick<DeviceProfile, (typeof DEVICE_TIMES)[number]> | Pick<LinkProfile, (typeof LINK_NUMBERS)[number]>;

/** Numbers measured again and again. */
export interface Followed<T> {
  /** Where they are now, without their noise: what plans are made with. */
  mean: T;
  /** Where they were when they last were news. */
  news: T;
  /** How many measurements the mean has seen. */
  samples: number;
}

export function startFollowing<T>(measured: T): Followed<T> {
  return { mean: measured, news: measured, samples: 1 };
}

/**
 * Takes a measurement in: into the mean of all at first, and then of the last ones.
 *
 * @param names of the numbers that are measured; whatever else there is comes from `measured` as it is.
 * @returns with `hasDrifted` true when the mean has moved by more than a fifth since it last was news: then a new plan is
 * worth asking for.
 */
export function follow<K extends string, T extends Measured & Record<K, number>>(
  before: Followed<T>,
  measured: T,
  names: readonly K[],
): { now: Followed<T>; hasDrifted: boolean } {
  const weight = Math.max(LEAST_WEIGHT, 1 / (before.samples + 1));
  const means = names.map((name) => [name, (1 - weight) * before.mean[name] + weight * measured[name]]);
  const mean: T = { ...measured, ...Object.fromEntries(means) };
  return followAnew(before, mean, names);
}

/** The same with the measurement itself instead of a mean, where what was known before counts no more. */
export function followAnew<K extends string, T extends Measured & Record<K, number>>(
  { news, samples }: Followed<T>,
  mean: T,
  names: readonly K[],
): { now: Followed<T>; hasDrifted: boolean } {
  const hasDrifted = names.some((name) => differs(news[name], mean[name]));
  return { now: { mean, news: hasDrifted ? mean : news, samples: samples + 1 }, hasDrifted };
}

function differs(before: number, now: number): boolean {
  return Math.abs(now - before) > NOTEWORTHY_DRIFT * Math.max(before, now);
}
