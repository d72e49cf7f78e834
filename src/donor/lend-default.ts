import type { EngineKind } from '../shared/model/device-profile.ts';

const GB = 2 ** 30;
/** Tabs of an iPhone die at about 1.5 GB, of which the page and the transfers need a part. */
const PHONE_LEND_BYTES = 0.5 * GB;
const DESKTOP_MIN_BYTES = 1 * GB;
const DESKTOP_MAX_BYTES = 4 * GB;
/** A processor's kernels reach 4 GB, of which activations and logits need a part. */
const PROCESSOR_MAX_BYTES = 3.5 * GB;

/** What a browser says of its device. */
export interface DeviceHints {
  userAgent: string;
  /** `navigator.deviceMemory`, GB: coarse, and missing in some browsers. */
  deviceMemoryGb?: number | undefined;
  /** `navigator.maxTouchPoints`: an iPad calls itself a Macintosh, but no Macintosh has a touch screen. */
  maxTouchPoints?: number | undefined;
}

/** What a device lends unless its owner says otherwise, bytes: little on a phone, a quarter of a desktop's memory. */
export function defaultLendBytes(hints: DeviceHints): number {
  if (isMobile(hints)) return PHONE_LEND_BYTES;
  const quarterBytes = ((hints.deviceMemoryGb ?? 0) * GB) / 4;
  return Math.min(DESKTOP_MAX_BYTES, Math.max(DESKTOP_MIN_BYTES, quarterBytes));
}

/** How much of what its owner lends a device can use: a plan that counts on more would never load. */
export function usableBytes(engine: EngineKind, lendBytes: number): number {
  return engine === 'cpu' ? Math.min(lendBytes, PROCESSOR_MAX_BYTES) : lendBytes;
}

function isMobile({ userAgent, maxTouchPoints = 0 }: DeviceHints): boolean {
  return /iPhone|iPad|iPod|Android|Mobile/i.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}
