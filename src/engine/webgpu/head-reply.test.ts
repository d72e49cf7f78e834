import { describe, expect, test } from 'vitest';
import { HEAD_TOP, type HeadAsk } from '../../shared/model/head-row.ts';
import { headLayout, headRow } from './head-reply.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS, HEAD_CANDIDATES, HEAD_GROUPS } from './kernels/head.ts';

const DIM = 8;
const VOCAB = 1000;
const logits = Float32Array.from({ length: VOCAB }, (_, id) => ((id * 7919) % 997) / 100 - 3);

/** Writes what the kernels leave of a row whose candidates are these ids, in this order. */
function block(ask: HeadAsk, row: number, rows: number, candidateIds: number[], count = candidateIds.length) {
  const asks = Array.from({ length: rows }, (_, i) => ({ ...ask, row: i }));
  const layout = headLayout(asks, DIM, VOCAB);
  const floats = new Float32Array(layout.words);
  const words = new Uint32Array(floats.buffer);
  words[layout.bars + row * BAR_WORDS + 1] = count;
  for (const [i, id] of candidateIds.entries()) {
    words[layout.candidates + row * CANDIDATE_WORDS + 2 * i] = id;
    floats[layout.candidates + row * CANDIDATE_WORDS + 2 * i + 1] = logits[id]!;
  }
  for (let g = 0; g < HEAD_GROUPS; g++) {
    const own = logits.filter((_, id) => id % HEAD_GROUPS === g);
    const largest = Math.max(...own);
    const sum = (scale: number) => own.reduce((total, logit) => total + Math.exp(scale * (logit - largest)), 0);
    floats.set([largest, sum(1), sum(ask.invTemperature)], layout.groups + row * GROUP_WORDS + 4 * g);
  }
  const { start, isWhole } = layout.logits[row]!;
  floats.set(isWhole ? logits : Float32Array.from(ask.wantIds, (id) => logits[id]!), start);
  return { buffer: floats.buffer, layout };
}

const byRank = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
const request = (change: Partial<HeadAsk> = {}): HeadAsk => {
  return { row: 0, wantIds: Uint32Array.of(5, 999, 5), fullRow: false, invTemperature: 1.5, ...change };
};

describe('a head reply', () => {
  test('sorts what the device gathered, the smaller id first among equals', () => {
    const { buffer, layout } = block(request(), 1, 2, byRank.slice(0, 200).reverse());
    const row = headRow(buffer, layout, 1, VOCAB)!;
    expect(Array.from(row.topIds)).toEqual(byRank.slice(0, HEAD_TOP));
    expect(Array.from(row.topLogits)).toEqual(byRank.slice(0, HEAD_TOP).map((id) => logits[id]));
    expect(Array.from(row.wantLogits)).toEqual([logits[5], logits[999], logits[5]]);
    expect(row.logits).toBeNull();
  });

  test('joins the sums of the groups', () => {
    const { buffer, layout } = block(request(), 0, 1, byRank.slice(0, HEAD_TOP));
    const row = headRow(buffer, layout, 0, VOCAB)!;
    const expected = (scale: number) => Math.log(logits.reduce((sum, logit) => sum + Math.exp(scale * logit), 0));
    expect(row.logSumExp).toBeCloseTo(expected(1), 5);
    expect(row.scaledLogSumExp).toBeCloseTo(expected(1.5), 5);
  });

  test('asks for the whole row when too many or too few logits reached the bar, and then takes them from it', () => {
    for (const count of [HEAD_CANDIDATES + 1, HEAD_TOP - 1]) {
      const brief = block(request(), 0, 1, byRank.slice(0, 10), count);
      expect(headRow(brief.buffer, brief.layout, 0, VOCAB)).toBeNull();
      const whole = block(request({ fullRow: true }), 0, 1, byRank.slice(0, 10), count);
      const row = headRow(whole.buffer, whole.layout, 0, VOCAB)!;
      expect(Array.from(row.topIds)).toEqual(byRank.slice(0, HEAD_TOP));
      expect(row.logits).toEqual(logits);
    }
  });

  test('reads whole rows when many ids are wanted, and does not show them unless asked', () => {
    const many = request({ wantIds: Uint32Array.from({ length: 100 }, (_, i) => 9 * i) });
    const { buffer, layout } = block(many, 0, 1, byRank.slice(0, HEAD_TOP));
    const row = headRow(buffer, layout, 0, VOCAB)!;
    expect(row.logits).toBeNull();
    expect(Array.from(row.wantLogits)).toEqual(Array.from(many.wantIds, (id) => logits[id]));
  });
});
