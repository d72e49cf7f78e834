import type { LinkMeasure } from '../shared/model/link-profile.ts';

/** What a probe timed. */
export interface ProbeTimings {
  /** Round trips of a message of a few bytes, ms. */
  smallMs: readonly number[];
  /** Round trips of a message of `largeBytes` that is answered with a few bytes, ms. */
  largeMs: readonly number[];
  largeBytes: number;
  /** Many large messages in a row until the last was answered; null if none was sent. */
  burst: { bytes: number; ms: number } | null;
}

/** Above this the time of one large message drowns in the noise of a round trip. */
const BURST_ABOVE_MBPS = 5;
/** Browsers tell time in steps of up to 0.1 ms: what is shorter counts as half a step. */
const SHORTEST_MS = 0.05;
const SLOWEST_MBPS = 0.01;
/** A plan gains nothing from more, and a time difference of zero must not become infinite. */
const FASTEST_MBPS = 1000;

/** True if the pings alone cannot tell the speed. */
export function needsBurst(timings: ProbeTimings): boolean {
  return speedByPings(timings) > BURST_ABOVE_MBPS;
}

/**
 * Round-trip time and speed of a link; always finite and positive. The large message takes longer than the small one by
 * the time its bytes need one way. Median against outliers: a busy page delays single answers by many ms.
 */
export function estimateLink(timings: ProbeTimings): LinkMeasure {
  const rttMs = Math.max(median(timings.smallMs), SHORTEST_MS);
  const { burst } = timings;
  const linkMbps = burst ? megabitsPerSecond(burst.bytes, burst.ms - rttMs) : speedByPings(timings);
  return { rttMs, linkMbps };
}

function speedByPings({ smallMs, largeMs, largeBytes }: ProbeTimings): number {
  return megabitsPerSecond(largeBytes, median(largeMs) - median(smallMs));
}

function megabitsPerSecond(bytes: number, ms: number): number {
  if (!(ms > 0)) return FASTEST_MBPS;
  return Math.min(Math.max((bytes * 8) / (ms * 1000), SLOWEST_MBPS), FASTEST_MBPS);
}

/** Of an even number of values the lower of the middle two: delays only ever add. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}
