import type { DeviceProfile } from '../model/device-profile.ts';
import type { LinkProfile } from '../model/link-profile.ts';

/** How much a new measurement counts: the mean remembers about the last ten. */
const WEIGHT = 0.1;
/** What has moved less than this since the last plan is no reason to plan anew. */
export const NOTEWORTHY_DRIFT = 0.2;

type DeviceTimes = Pick<DeviceProfile, 'decodeLayerMs' | 'prefillLayerMsPerToken' | 'forwardOverheadMs' | 'headMs'>;
type LinkNumbers = Pick<LinkProfile, 'rttMs' | 'linkMbps'>;

/** Numbers measured again and again, and what the last plan was made with. */
export interface Followed<T> {
  /** What plans are made with. */
  planned: T;
  /** Where the measurements are now, without their noise. */
  mean: T;
}

export function startFollowing<T>(measured: T): Followed<T> {
  return { planned: measured, mean: measured };
}

/**
 * Takes a measurement in. The numbers for planning change only when the mean of the last ones has drifted from them by
 * more than a fifth; they then change to the mean, all together, so that they belong to the same time.
 *
 * @returns with `hasDrifted` true when a new plan is worth asking for.
 */
export function follow<T extends DeviceTimes | LinkNumbers>(
  before: Followed<T>,
  measured: T,
): { now: Followed<T>; hasDrifted: boolean } {
  const names = Object.keys(before.mean).filter((name) => typeof Reflect.get(before.mean, name) === 'number');
  const numberIn = (of: T, name: string) => Reflect.get(of, name) as number;
  const means = names.map((name) => [name, mix(numberIn(before.mean, name), numberIn(measured, name))]);
  const mean = { ...measured, ...Object.fromEntries(means) } as T;
  const hasDrifted = names.some((name) => differs(numberIn(before.planned, name), numberIn(mean, name)));
  return { now: { planned: hasDrifted ? mean : before.planned, mean }, hasDrifted };
}

function mix(mean: number, measured: number): number {
  return (1 - WEIGHT) * mean + WEIGHT * measured;
}

function differs(planned: number, now: number): boolean {
  return Math.abs(now - planned) > NOTEWORTHY_DRIFT * Math.max(planned, now);
}
