import { describe, expect, test } from 'vitest';
import { runsWithin } from './forward.ts';

describe('runs of a chunk', () => {
  const runs = [
    { sequence: 'a', start: 10, firstRow: 0, rowCount: 5 },
    { sequence: 'b', start: 0, firstRow: 5, rowCount: 1 },
    { sequence: 'c', start: 7, firstRow: 6, rowCount: 6 },
  ];

  test('are cut at its edges and counted from its first row', () => {
    expect(runsWithin(runs, { start: 3, end: 8 })).toEqual([
      { sequence: 'a', start: 13, firstRow: 0, rowCount: 2 },
      { sequence: 'b', start: 0, firstRow: 2, rowCount: 1 },
      { sequence: 'c', start: 7, firstRow: 3, rowCount: 2 },
    ]);
    expect(runsWithin(runs, { start: 8, end: 12 })).toEqual([{ sequence: 'c', start: 9, firstRow: 0, rowCount: 4 }]);
  });

  test('cover every position once, whatever the chunks', () => {
    for (let size = 1; size <= 12; size++) {
      const seen = Array.from({ length: Math.ceil(12 / size) }, (_, i) =>
        runsWithin(runs, { start: i * size, end: (i + 1) * size }),
      )
        .flat()
        .flatMap(({ sequence, start, rowCount }) => Array.from({ length: rowCount }, (_, i) => `${sequence}${start + i}`));
      expect(seen).toEqual(['a10', 'a11', 'a12', 'a13', 'a14', 'b0', 'c7', 'c8', 'c9', 'c10', 'c11', 'c12']);
    }
  });
});
