import { describe, expect, it } from 'vitest';
import type { EngineProfile } from '../engine/device-profile.ts';
import { ServedSpeed } from './served-speed.ts';

const profile: EngineProfile = {
  engine: 'cpu',
  adapter: 'test',
  decodeLayerMs: 2,
  prefillLayerMsPerToken: 1,
  forwardOverheadMs: 1,
  headMs: 3,
};
const layerBytes = Array<number>(8).fill(100);
/** Four layers and the head: 1 + 4 * 2 + 3 = 12 ms by the profile. */
const token = (ms: number | null) => ({ rows: 1, layers: { startLayer: 2, endLayer: 6 }, head: true, ms });

/** The samples of tokens that come so far apart, ms. */
function samples(times: (number | null)[], apartMs = 25): EngineProfile[] {
  const speed = new ServedSpeed(profile, layerBytes, 0);
  return times.map((ms, i) => speed.observe(token(ms), (i + 1) * apartMs)).filter((found) => found !== null);
}

describe('a device that serves', () => {
  it('says what tokens really take', () => {
    const found = samples(Array(48).fill(24));
    expect(found).toHaveLength(2);
    for (const sample of found) expect(sample).toMatchObject({ decodeLayerMs: 4, forwardOverheadMs: 2, headMs: 6 });
  });

  it('tells nobody of a few slow tokens, or of times that it shared with others', () => {
    const found = samples(Array.from({ length: 200 }, (_, i) => (i % 24 < 2 ? 100 : 12)));
    expect(found.length).toBeGreaterThan(1);
    for (const sample of found) expect(sample.decodeLayerMs).toBeCloseTo(2, 9);
    expect(samples(Array(200).fill(null))).toEqual([]);
  });

  it('says that every third token is held back, as an answer has to wait for those too', () => {
    const found = samples(Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? 24 : 12)));
    for (const sample of found) expect(sample.decodeLayerMs).toBeGreaterThan(2.4);
  });

  it('speaks twice a second at most, however fast tokens come', () => {
    expect(samples(Array(1000).fill(12), 1)).toHaveLength(2);
  });

  it('takes a shard of heavy layers for what it is, not for a slow device', () => {
    const speed = new ServedSpeed(profile, [50, 50, 150, 150], 0);
    // The two heavy layers are worth three mean ones: 1 + 3 * 2 ms.
    const heavy = { rows: 1, layers: { startLayer: 2, endLayer: 4 }, head: false, ms: 7 };
    const found = Array.from({ length: 24 }, (_, i) => speed.observe(heavy, (i + 1) * 25)).find((one) => one !== null);
    expect(found).toMatchObject({ decodeLayerMs: 2, forwardOverheadMs: 1 });
  });

  it('learns from single tokens only', () => {
    const speed = new ServedSpeed(profile, layerBytes, 0);
    for (let i = 0; i < 100; i++) expect(speed.observe({ ...token(500), rows: 32 }, i * 100)).toBeNull();
  });
});
