import { describe, expect, it } from 'vitest';
import type { EngineProfile } from '../engine/device-profile.ts';
import { ProfileDrift } from './profile-drift.ts';

const profile: EngineProfile = {
  engine: 'cpu',
  adapter: 'test',
  decodeLayerMs: 2,
  prefillLayerMsPerToken: 1,
  forwardOverheadMs: 1,
  headMs: 3,
};
/** Four layers and the head: 1 + 4 * 2 + 3 = 12 ms by the profile. */
const token = (ms: number | null) => ({ rows: 1, layers: 4, head: true, ms });

function corrections(times: (number | null)[]): EngineProfile[] {
  const drift = new ProfileDrift(profile);
  return times.map((ms) => drift.observe(token(ms))).filter((found) => found !== null);
}

describe('a device that serves', () => {
  it('corrects its profile when tokens take twice as long for a while', () => {
    const [found, ...more] = corrections(Array(60).fill(24));
    expect(found).toMatchObject({ decodeLayerMs: 4, forwardOverheadMs: 2, headMs: 6 });
    expect(more).toEqual([]);
  });

  it('tells nobody of noise, of a few slow tokens, or of times that it shared with others', () => {
    expect(corrections(Array.from({ length: 200 }, (_, i) => 12 * (i % 2 === 0 ? 1.15 : 0.9)))).toEqual([]);
    expect(corrections(Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? 100 : 12)))).toEqual([]);
    expect(corrections(Array(200).fill(null))).toEqual([]);
  });

  it('learns from single tokens only', () => {
    const drift = new ProfileDrift(profile);
    for (let i = 0; i < 100; i++) expect(drift.observe({ ...token(500), rows: 32 })).toBeNull();
  });
});
