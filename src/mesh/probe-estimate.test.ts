import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { estimateLink, needsBurst, type ProbeTimings } from './probe-estimate.ts';

function pings(smallMs: number[], largeMs: number[]): ProbeTimings {
  return { smallMs, largeMs, largeBytes: 4096, burst: null };
}

const eight = (ms: number) => Array.from({ length: 8 }, () => ms);

describe('the estimate of a link', () => {
  test.each([
    { what: '1 Mbit/s and 50 ms', timings: pings(eight(50), eight(50 + 32.768)), rttMs: 50, linkMbps: 1 },
    { what: '4 Mbit/s and 3 ms', timings: pings(eight(3), eight(3 + 8.192)), rttMs: 3, linkMbps: 4 },
    {
      what: 'two delayed answers of eight',
      timings: pings([10, 10, 900, 10, 10, 10, 800, 10], [42.768, 42.768, 500, 42.768, 42.768, 42.768, 42.768, 700]),
      rttMs: 10,
      linkMbps: 1,
    },
    {
      what: 'a burst at 40 Mbit/s',
      timings: { ...pings(eight(5), eight(5.8)), burst: { bytes: 131_072, ms: 5 + 26.2144 } },
      rttMs: 5,
      linkMbps: 40,
    },
    { what: 'large as quick as small', timings: pings(eight(0.5), eight(0.5)), rttMs: 0.5, linkMbps: 1000 },
    { what: 'large quicker than small', timings: pings(eight(2), eight(1)), rttMs: 2, linkMbps: 1000 },
    { what: 'no time at all', timings: pings(eight(0), eight(0)), rttMs: 0.05, linkMbps: 1000 },
    {
      what: 'a burst quicker than a round trip',
      timings: { ...pings(eight(2), eight(2)), burst: { bytes: 131_072, ms: 1 } },
      rttMs: 2,
      linkMbps: 1000,
    },
    { what: 'an hour for 4 KB', timings: pings(eight(1), eight(3.6e6)), rttMs: 1, linkMbps: 0.01 },
  ])('$what', ({ timings, rttMs, linkMbps }) => {
    const measure = estimateLink(timings);
    expect(measure.rttMs).toBeCloseTo(rttMs, 6);
    expect(measure.linkMbps).toBeCloseTo(linkMbps, 6);
  });

  test('a burst is asked for above 5 Mbit/s only', () => {
    expect(needsBurst(pings(eight(1), eight(1 + 32.768 / 4.9)))).toBe(false);
    expect(needsBurst(pings(eight(1), eight(1 + 32.768 / 5.1)))).toBe(true);
    expect(needsBurst(pings(eight(1), eight(0.9)))).toBe(true);
  });

  test('any times give a finite, positive measure', () => {
    const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 8 });
    const burst = fc.option(fc.record({ bytes: fc.constant(131_072), ms: fc.double({ min: 0, max: 1e6, noNaN: true }) }));
    fc.assert(
      fc.property(times, times, burst, (smallMs, largeMs, burst) => {
        const { rttMs, linkMbps } = estimateLink({ smallMs, largeMs, largeBytes: 4096, burst });
        expect(rttMs > 0 && Number.isFinite(rttMs) && linkMbps > 0 && Number.isFinite(linkMbps)).toBe(true);
      }),
    );
  });
});
