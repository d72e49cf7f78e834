import { describe, expect, test } from 'vitest';
import { Pacer, SUBMISSION_MS } from './pacing.ts';

const TILE = 4;
/** A pacer that has seen many forwards which took `ms` for each tile of rows and layer. */
function learned(ms: number): Pacer {
  const pacer = new Pacer(TILE, 1000);
  for (let i = 0; i < 50; i++) {
    pacer.learn(1, 8, ms * 8);
    pacer.learn(32, 8, ms * 8 * 8);
  }
  return pacer;
}

describe('the pace of submissions', () => {
  test('is one submission for a token on a device that is quick enough', () => {
    expect(learned(1).pace(1, 22, 64)).toEqual({ chunkRows: 1, layersPerSubmission: 80 });
  });

  test.each([0.01, 0.3, 1, 5, 20])('keeps every submission within its time at %d ms a tile and layer', (ms) => {
    for (const layers of [1, 8, 32]) {
      const { chunkRows, layersPerSubmission } = learned(ms).pace(500, layers, 64);
      const tiles = Math.ceil(chunkRows / TILE);
      expect(tiles * Math.min(layers, layersPerSubmission) * ms).toBeLessThanOrEqual(SUBMISSION_MS * 1.01);
      expect(chunkRows).toBeLessThanOrEqual(64);
    }
  });

  test('does one layer of one tile at a time where even that takes longer', () => {
    expect(learned(300).pace(500, 8, 64)).toEqual({ chunkRows: TILE, layersPerSubmission: 1 });
    expect(learned(300).pace(1, 8, 64)).toEqual({ chunkRows: 1, layersPerSubmission: 1 });
  });

  test('follows a device that becomes slower', () => {
    const pacer = learned(0.1);
    const before = pacer.pace(500, 8, 64).chunkRows;
    for (let i = 0; i < 20; i++) pacer.learn(64, 8, 16 * 8 * 5);
    expect(pacer.pace(500, 8, 64).chunkRows).toBeLessThan(before);
  });

  test('learns nothing from a forward of no layers', () => {
    const pacer = learned(1);
    const before = pacer.pace(100, 8, 64);
    pacer.learn(1, 0, 5000);
    expect(pacer.pace(100, 8, 64)).toEqual(before);
  });
});
