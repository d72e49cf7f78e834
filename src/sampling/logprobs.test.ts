import { describe, expect, test } from 'vitest';
import type { HeadRow } from '../shared/model/head-row.ts';
import { logprobsOf } from './logprobs.ts';

const NO_IDS = new Uint32Array(0);

/** What a head says of these logits when it names `topCount` of them. */
function rowOf(logits: readonly number[], topCount: number): HeadRow {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, topCount);
  const logSumExp = Math.fround(Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)));
  const topLogits = Float32Array.from(order, (id) => logits[id]!);
  return {
    logSumExp,
    scaledLogSumExp: logSumExp,
    topIds: Uint32Array.from(order),
    topLogits,
    wantLogits: new Float32Array(0),
    logits: null,
  };
}

describe('logprobs', () => {
  test('are of the model itself: the logit less the log of the sum', () => {
    const row: HeadRow = {
      logSumExp: 3,
      scaledLogSumExp: 9,
      topIds: Uint32Array.of(4, 2),
      topLogits: Float32Array.of(2.5, 1),
      wantLogits: Float32Array.of(-1),
      logits: null,
    };
    const sizes = { tokens: 10, headRows: 10 };
    const wanted = Uint32Array.of(8);
    expect(logprobsOf(row, wanted, 2, 1, sizes)).toEqual({ chosen: { id: 2, logprob: -2 }, top: [{ id: 4, logprob: -0.5 }] });
    expect(logprobsOf(row, wanted, 8, 0, sizes)).toEqual({ chosen: { id: 8, logprob: -4 }, top: [] });
    expect(() => logprobsOf(row, wanted, 9, 0, sizes)).toThrow(expect.objectContaining({ code: 'stage-failed' }));
  });

  test('share nothing with rows of the head that are no tokens, though one of them is the largest', () => {
    const logits = [1, 7, 3, 2, 9, -4];
    const sizes = { tokens: 4, headRows: 6 };
    const row = rowOf(logits, 3);
    expect(logprobsOf(row, NO_IDS, 1, 1, sizes)).toEqual({ need: 'full-row' });
    const whole = { ...row, logits: Float32Array.from(logits) };
    const logSumExp = Math.log([1, 7, 3, 2].reduce((sum, logit) => sum + Math.exp(logit), 0));
    expect(logprobsOf(whole, NO_IDS, 3, 2, sizes)).toEqual({
      chosen: { id: 3, logprob: expect.closeTo(2 - logSumExp, 12) },
      top: [
        { id: 1, logprob: expect.closeTo(7 - logSumExp, 12) },
        { id: 2, logprob: expect.closeTo(3 - logSumExp, 12) },
      ],
    });
  });

  test('need the full row where what is not known of the padding could count', () => {
    const sizes = { tokens: 3, headRows: 5 };
    expect(logprobsOf(rowOf([5, 4, 1, 0, 0], 2), NO_IDS, 0, 1, sizes)).toEqual({ need: 'full-row' });
  });

  test('need no full row where the padding is too small to count', () => {
    const row = rowOf([20, 19, -5, -30, -30], 3);
    const chosen = { id: 1, logprob: 19 - row.logSumExp };
    expect(logprobsOf(row, NO_IDS, 1, 0, { tokens: 4, headRows: 5 })).toEqual({ chosen, top: [] });
  });

  test('need the full row where the largest logits name fewer tokens than are asked for', () => {
    const row = rowOf([20, 19, 18, -30, -31, -32], 4);
    const sizes = { tokens: 6, headRows: 6 };
    expect(logprobsOf(row, NO_IDS, 0, 5, sizes)).toEqual({ need: 'full-row' });
  });
});
