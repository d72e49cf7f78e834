import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../shared/errors.ts';
import { checkedRuns } from './checked-runs.ts';
import { askRows, type ForwardRequest } from './shard-engine.ts';
import { PLAIN_MODEL } from './testing/contract-models.ts';

const options = { spec: PLAIN_MODEL.spec, contextLength: 10 };
const head = askRows([0]);
const good: ForwardRequest = {
  rows: [
    { sequence: 'a', position: 0 },
    { sequence: 'a', position: 1 },
    { sequence: 'b', position: 7 },
  ],
  input: { tokens: Uint32Array.of(1, 2, 3) },
  layers: { startLayer: 0, endLayer: 3 },
  head,
};

test('rows are grouped by sequence', () => {
  expect(checkedRuns(options, good)).toEqual([
    { sequence: 'a', start: 0, firstRow: 0, rowCount: 2 },
    { sequence: 'b', start: 7, firstRow: 2, rowCount: 1 },
  ]);
});

describe('a request from another device', () => {
  const [a0, a1, b7] = good.rows as [ForwardRequest['rows'][0], ForwardRequest['rows'][0], ForwardRequest['rows'][0]];
  const cases: { why: string; wrong: Partial<ForwardRequest>; code: ErrorCode }[] = [
    { why: 'no rows', wrong: { rows: [] }, code: 'frame-malformed' },
    { why: 'fewer tokens than rows', wrong: { input: { tokens: Uint32Array.of(1, 2) } }, code: 'frame-malformed' },
    { why: 'a token beyond the vocabulary', wrong: { input: { tokens: Uint32Array.of(1, 2, 131) } }, code: 'frame-malformed' },
    { why: 'hidden states of another width', wrong: { input: { hidden: new Float32Array(3 * 63) } }, code: 'frame-malformed' },
    { why: 'layers that the model lacks', wrong: { layers: { startLayer: 2, endLayer: 4 } }, code: 'frame-malformed' },
    { why: 'layers from back to front', wrong: { layers: { startLayer: 2, endLayer: 1 } }, code: 'frame-malformed' },
    { why: 'a head row that is not there', wrong: { head: askRows([3]) }, code: 'frame-malformed' },
    { why: 'a head row twice', wrong: { head: askRows([1, 1]) }, code: 'frame-malformed' },
    {
      why: 'a wanted id beyond the vocabulary',
      wrong: { head: askRows([0], { wantIds: Uint32Array.of(999) }) },
      code: 'frame-malformed',
    },
    {
      why: 'more wanted ids than the vocabulary has',
      wrong: { head: askRows([0], { wantIds: new Uint32Array(PLAIN_MODEL.spec.vocabSize + 1) }) },
      code: 'frame-malformed',
    },
    { why: 'head rows from back to front', wrong: { head: askRows([2, 1]) }, code: 'frame-malformed' },
    {
      why: 'a wanted id beyond the vocabulary of a later row',
      wrong: { head: [...askRows([0]), ...askRows([2], { wantIds: Uint32Array.of(999) })] },
      code: 'frame-malformed',
    },
    {
      why: 'a temperature that is no number',
      wrong: { head: askRows([0], { invTemperature: Number.NaN }) },
      code: 'frame-malformed',
    },
    { why: 'a position left out', wrong: { rows: [a0, { ...a1, position: 2 }, b7] }, code: 'sequence-gap' },
    { why: 'a sequence in two places', wrong: { rows: [a0, b7, a1] }, code: 'sequence-gap' },
    { why: 'a negative position', wrong: { rows: [a0, a1, { ...b7, position: -1 }] }, code: 'sequence-gap' },
    { why: 'a position beyond the context', wrong: { rows: [a0, a1, { ...b7, position: 10 }] }, code: 'context-full' },
  ];
  test.each(cases)('is refused for $why', ({ wrong, code }) => {
    expect(() => checkedRuns(options, { ...good, ...wrong })).toThrow(expect.objectContaining({ name: 'AppError', code }));
  });
});
