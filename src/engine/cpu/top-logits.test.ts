import fc from 'fast-check';
import { expect, test } from 'vitest';
import { topIds } from './top-logits.ts';

test('names the ids that sorting everything would put first', () => {
  const logits = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(logits, fc.integer({ min: 1, max: 128 }), (values, count) => {
      const sorted = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b);
      expect(Array.from(topIds(Float32Array.from(values), count))).toEqual(sorted.slice(0, count));
    }),
  );
});
