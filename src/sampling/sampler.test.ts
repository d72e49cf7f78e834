import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HeadRow } from '../shared/model/head-row.ts';
import { vocabularySizes } from './candidates.ts';
import { wantIds } from './penalties.ts';
import { randomAt } from './random.ts';
import { type SampleInput, sample } from './sampler.ts';
import { GREEDY, inverseTemperature, type SamplingSettings } from './settings.ts';

/** What a head with this many largest logits would say, with sums in float32 as on a GPU. */
function rowOf(logits: readonly number[], topCount: number, wanted: Uint32Array, settings: SamplingSettings): HeadRow {
  const exact = Float32Array.from(logits);
  const order = Array.from(exact.keys()).sort((a, b) => exact[b]! - exact[a]! || a - b);
  const top = order.slice(0, topCount);
  const largest = exact[order[0]!]!;
  const logSumExp = (scale: number) =>
    Math.fround(largest * scale + Math.log(exact.reduce((sum, logit) => sum + Math.exp((logit - largest) * scale), 0)));
  return {
    logSumExp: logSumExp(1),
    scaledLogSumExp: logSumExp(inverseTemperature(settings)),
    topIds: Uint32Array.from(top),
    topLogits: Float32Array.from(top, (id) => exact[id]!),
    wantLogits: Float32Array.from(wanted, (id) => exact[id]!),
    logits: null,
  };
}

function inputOf(
  logits: readonly number[],
  topCount: number,
  settings: SamplingSettings,
  history: number[] = [],
  drawIndex = 0,
  tokens = logits.length,
): SampleInput {
  const sizes = { tokens, headRows: logits.length };
  const wanted = wantIds(history, settings);
  return { row: rowOf(logits, topCount, wanted, settings), wanted, history, settings, sizes, drawIndex };
}

const withFullRow = (input: SampleInput, logits: readonly number[]): SampleInput => ({
  ...input,
  row: { ...input.row, logits: Float32Array.from(logits) },
});

/** Sampling as a textbook has it, from the whole vocabulary, in float64. */
function sampleWhole(logits: readonly number[], settings: SamplingSettings, history: readonly number[], uniform: number): number {
  const adjusted = Array.from(Float32Array.from(logits), (logit, id) => {
    const count = history.filter((token) => token === id).length;
    let value = logit;
    if (count > 0) {
      value = value > 0 ? value / settings.repetitionPenalty : value * settings.repetitionPenalty;
      value -= settings.presencePenalty + count * settings.frequencyPenalty;
    }
    return { id, value: value + (settings.logitBias.get(id) ?? 0) };
  });
  adjusted.sort((a, b) => b.value - a.value || a.id - b.id);
  if (settings.temperature === 0) return adjusted[0]!.id;
  const weights = adjusted.map(({ value }) => Math.exp((value - adjusted[0]!.value) / settings.temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  let kept = 0;
  let mass = 0;
  do mass += weights[kept++]!;
  while (kept < weights.length && mass < settings.topP * total);
  let target = uniform * mass;
  let index = 0;
  while (index < kept - 1 && target >= weights[index]!) target -= weights[index++]!;
  return adjusted[index]!.id;
}

/** Coarse logits meet ties, fine ones do not; both are common in what follows. */
const logit = fc.oneof(fc.integer({ min: -6, max: 6 }), fc.double({ min: -12, max: 12, noNaN: true }));
const scenario = fc.record({
  logits: fc.array(logit, { minLength: 12, maxLength: 60 }),
  topCount: fc.integer({ min: 1, max: 12 }),
  history: fc.array(fc.nat(11), { maxLength: 8 }),
  bias: fc.array(fc.tuple(fc.nat(11), fc.double({ min: -20, max: 20, noNaN: true })), { maxLength: 3 }),
  temperature: fc.oneof(fc.constant(0), fc.double({ min: 0.05, max: 3, noNaN: true })),
  topP: fc.oneof(fc.constant(1), fc.double({ min: 0.05, max: 0.999, noNaN: true })),
  repetitionPenalty: fc.oneof(fc.constant(1), fc.double({ min: 0.8, max: 1.5, noNaN: true })),
  presencePenalty: fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true })),
  frequencyPenalty: fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true })),
  seed: fc.integer(),
});

describe('sampling from the largest logits', () => {
  test('chooses what sampling from the whole vocabulary chooses, or asks for the full row, which then decides', () => {
    let decided = 0;
    let asked = 0;
    fc.assert(
      fc.property(scenario, ({ logits, topCount, history, bias, ...rest }) => {
        const settings: SamplingSettings = { ...rest, logitBias: new Map(bias) };
        const input = inputOf(logits, topCount, settings, history);
        const expected = sampleWhole(logits, settings, history, randomAt(settings.seed, 0));
        const brief = sample(input);
        if ('token' in brief) {
          expect(brief.token).toBe(expected);
          decided++;
        } else asked++;
        expect(sample(withFullRow(input, logits))).toEqual({ token: expected });
      }),
      { numRuns: 3000 },
    );
    expect(decided).toBeGreaterThan(0.3 * (decided + asked));
    expect(asked).toBeGreaterThan(0);
  });

  test('never chooses a row of the head that is no token, and lets the tokens share what is left', () => {
    let decided = 0;
    fc.assert(
      fc.property(
        scenario,
        fc.array(logit, { minLength: 1, maxLength: 20 }),
        ({ logits, topCount, history, bias, ...rest }, padding) => {
          const settings: SamplingSettings = { ...rest, logitBias: new Map(bias) };
          const padded = [...logits, ...padding];
          const input = inputOf(padded, topCount, settings, history, 0, logits.length);
          const expected = sampleWhole(logits, settings, history, randomAt(settings.seed, 0));
          const brief = sample(input);
          if ('token' in brief) {
            expect(brief.token).toBe(expected);
            decided++;
          }
          expect(sample(withFullRow(input, padded))).toEqual({ token: expected });
        },
      ),
      { numRuns: 3000 },
    );
    expect(decided).toBeGreaterThan(500);
  });

  test('asks for the full row where all that is known of it is padding', () => {
    expect(sample(inputOf([1, 2, 9, 8], 2, GREEDY, [], 0, 2))).toEqual({ need: 'full-row' });
    expect(sample(inputOf([1, 2, 9, 8], 2, { ...GREEDY, temperature: 1 }, [], 0, 2))).toEqual({ need: 'full-row' });
  });

  test('is refused for a model whose head lacks rows for some tokens', () => {
    expect(vocabularySizes(4, 5)).toEqual({ tokens: 4, headRows: 5 });
    expect(() => vocabularySizes(5, 4)).toThrow(expect.objectContaining({ code: 'model-malformed' }));
  });

  test('takes the likeliest token where the largest logit of all is no token', () => {
    const logits = [1, 7, 3, 2, 50];
    const tokens = 4;
    expect(sample(inputOf(logits, 3, GREEDY, [], 0, tokens))).toEqual({ token: 1 });
    for (let drawIndex = 0; drawIndex < 100; drawIndex++) {
      const settings = { ...GREEDY, temperature: 1.5, seed: 3 };
      const input = inputOf(logits, 3, settings, [], drawIndex, tokens);
      const expected = sampleWhole(logits.slice(0, tokens), settings, [], randomAt(settings.seed, drawIndex));
      expect(sample(withFullRow(input, logits))).toEqual({ token: expected });
      expect([{ token: expected }, { need: 'full-row' }]).toContainEqual(sample(input));
    }
  });

  test('draws from the tokens also where what is none outweighs them beyond all numbers', () => {
    // All known tokens are larger than whatever is unknown: the last of the largest logits is padding.
    const logits = [6, 5.999, 5.998, -9, 40, 8, 7.5];
    const settings = {
      ...GREEDY,
      temperature: 0.01,
      seed: 4,
      logitBias: new Map([
        [0, 2],
        [1, 2],
        [2, 2],
      ]),
    };
    for (let drawIndex = 0; drawIndex < 50; drawIndex++) {
      const input = inputOf(logits, 3, settings, [], drawIndex, 4);
      const expected = sampleWhole(logits.slice(0, 4), settings, [], randomAt(settings.seed, drawIndex));
      expect(sample(input)).toEqual({ token: expected });
    }
  });

  test('seldom needs the full row of a peaked distribution', () => {
    const logits = Array.from({ length: 2000 }, (_, id) => -0.1 * id);
    const settings = { ...GREEDY, temperature: 0.7, seed: 5 };
    const replies = Array.from({ length: 500 }, (_, drawIndex) => sample(inputOf(logits, 128, settings, [], drawIndex)));
    expect(replies.filter((reply) => 'need' in reply).length).toBeLessThan(5);
  });

  test('draws as often as the probabilities say', () => {
    const logits = [Math.log(0.5), Math.log(0.3), Math.log(0.2)];
    const counts = [0, 0, 0];
    for (let drawIndex = 0; drawIndex < 4000; drawIndex++) {
      const reply = sample(inputOf(logits, 3, { ...GREEDY, temperature: 1, seed: 11 }, [], drawIndex));
      if ('token' in reply) counts[reply.token]!++;
    }
    expect(counts[0]! / 4000).toBeCloseTo(0.5, 1);
    expect(counts[1]! / 4000).toBeCloseTo(0.3, 1);
    expect(counts[2]! / 4000).toBeCloseTo(0.2, 1);
  });

  test('at temperature 0 takes the smaller id among equals', () => {
    expect(sample(inputOf([1, 5, 2, 5, 5], 4, GREEDY))).toEqual({ token: 1 });
  });

  test('needs the full row where a bias pushes down all that is known', () => {
    const settings = { ...GREEDY, logitBias: new Map([[0, -100]]) };
    const logits = [9, 1, 2, 3];
    const input = inputOf(logits, 1, settings);
    expect(sample(input)).toEqual({ need: 'full-row' });
    expect(sample(withFullRow(input, logits))).toEqual({ token: 3 });
  });

  test('needs the full row where a tie at the edge may hide a smaller id', () => {
    const settings = { ...GREEDY, logitBias: new Map([[3, -1]]) };
    expect(sample(inputOf([2, 2, 2, 3], 1, settings))).toEqual({ need: 'full-row' });
  });

  test('is the same for very low temperatures as for 0', () => {
    const logits = Array.from({ length: 300 }, (_, id) => Math.sin(id * 7));
    const cold = sample(inputOf(logits, 128, { ...GREEDY, temperature: 1e-9 }));
    expect(cold).toEqual(sample(inputOf(logits, 128, GREEDY)));
  });
});

describe('a reply of a head that cannot be right', () => {
  const good = inputOf([1, 2, 3, 4], 2, { ...GREEDY, temperature: 1, logitBias: new Map([[0, 1]]) });
  const refused = (row: Partial<HeadRow>) => expect(() => sample({ ...good, row: { ...good.row, ...row } }));
  const failure = expect.objectContaining({ code: 'stage-failed' });

  test('is refused', () => {
    refused({ topLogits: Float32Array.of(Number.NaN, 1) }).toThrow(failure);
    refused({ topLogits: Float32Array.of(Number.POSITIVE_INFINITY, 1) }).toThrow(failure);
    refused({ topLogits: Float32Array.of(4) }).toThrow(failure);
    refused({ topIds: Uint32Array.of(3, 4) }).toThrow(failure);
    refused({ topIds: new Uint32Array(), topLogits: new Float32Array() }).toThrow(failure);
    refused({ wantLogits: new Float32Array() }).toThrow(failure);
    refused({ logits: new Float32Array(3) }).toThrow(failure);
    refused({ logits: new Float32Array(4).fill(Number.NEGATIVE_INFINITY) }).toThrow(failure);
  });

  test('with sums that are no numbers leads to the full row, which needs none', () => {
    const row = { ...good.row, scaledLogSumExp: Number.NaN };
    expect(sample({ ...good, row })).toEqual({ need: 'full-row' });
    expect(sample({ ...good, row: { ...row, logits: Float32Array.of(1, 2, 3, 4) } })).toHaveProperty('token');
  });
});
