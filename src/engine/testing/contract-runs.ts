import { expect } from 'vitest';
import type { HeadAsk, HeadRow } from '../../shared/model/head-row.ts';
import type { LayerRange } from '../../shared/model/layer-range.ts';
import { askRows, type ForwardRequest, type Row, type ShardEngine } from '../shard-engine.ts';
import type { ContractModel } from './contract-models.ts';

/** Tokens of one sequence that go into a forward together. */
export interface Part {
  sequence: string;
  start: number;
  tokens: readonly number[];
}

export function wholeModel(model: ContractModel): LayerRange {
  return { startLayer: 0, endLayer: model.spec.nLayers };
}

export function rowsOf(parts: readonly Part[]): Row[] {
  return parts.flatMap(({ sequence, start, tokens }) => tokens.map((_, i) => ({ sequence, position: start + i })));
}

/** Asks for everything that the head can say of the first `count` rows. */
export function fullHead(count: number): HeadAsk[] {
  return askRows([...Array(count).keys()], { fullRow: true, invTemperature: 1.25 });
}

/** A forward of parts through all layers and the head, every row of it. */
export function wholeRequest(model: ContractModel, parts: readonly Part[]): ForwardRequest {
  const rows = rowsOf(parts);
  const tokens = Uint32Array.from(parts.flatMap((part) => part.tokens));
  return { rows, input: { tokens }, layers: wholeModel(model), head: fullHead(rows.length) };
}

export async function runWhole(engine: ShardEngine, model: ContractModel, parts: readonly Part[]): Promise<HeadRow[]> {
  return (await engine.forward(wholeRequest(model, parts))).head;
}

/** The whole of a sequence in chunks, one head row per token; the engine forgets the sequence afterwards. */
export async function runChunked(
  engine: ShardEngine,
  model: ContractModel,
  tokens: readonly number[],
  chunkRows: number,
): Promise<HeadRow[]> {
  const head: HeadRow[] = [];
  for (let start = 0; start < tokens.length; start += chunkRows) {
    const chunk = tokens.slice(start, start + chunkRows);
    head.push(...(await runWhole(engine, model, [{ sequence: 'chunked', start, tokens: chunk }])));
  }
  engine.freeSequence('chunked');
  return head;
}

/** One token after the other, alone in its forward: what every other way of running the sequence must equal. */
export function runAlone(engine: ShardEngine, model: ContractModel, tokens: readonly number[]): Promise<HeadRow[]> {
  return runChunked(engine, model, tokens, 1);
}

/** How two ways of computing the same rows are compared. */
export interface RowComparison {
  /** For titles of tests. */
  words: string;
  rows(actual: readonly HeadRow[], expected: readonly HeadRow[]): void;
  values(actual: Float32Array, expected: Float32Array, what: string): void;
}

/** A row is a row: what every engine of ours promises. */
export const SAME_BITS: RowComparison = { words: 'the same bits', rows: expectSameRows, values: expectSameBits };

/** Float32 sums in another order are off by about 1e-6 on these models, whose logits reach 5. */
const CLOSE = 2e-4;

/** For an engine whose kernels depend on how many rows share a forward. */
export const CLOSE_VALUES: RowComparison = { words: 'almost the same', rows: expectCloseRows, values: expectCloseValues };

function expectCloseRows(actual: readonly HeadRow[], expected: readonly HeadRow[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [row, want] of expected.entries()) {
    const got = actual[row]!;
    expectCloseValues(got.logits!, want.logits!, `logits of row ${row}`);
    expectCloseValues(got.topLogits, want.topLogits, `largest logits of row ${row}`);
    expect(Math.abs(got.logSumExp - want.logSumExp), `logSumExp of row ${row}`).toBeLessThan(CLOSE);
    expect(Math.abs(got.scaledLogSumExp - want.scaledLogSumExp), `scaledLogSumExp of row ${row}`).toBeLessThan(CLOSE);
  }
}

function expectCloseValues(actual: Float32Array, expected: Float32Array, what: string): void {
  expect(largestDifference(actual, expected), what).toBeLessThan(CLOSE);
}

export function expectSameRows(actual: readonly HeadRow[], expected: readonly HeadRow[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [row, want] of expected.entries()) {
    const got = actual[row]!;
    expectSameBits(got.logits!, want.logits!, `logits of row ${row}`);
    expectSameBits(got.topLogits, want.topLogits, `largest logits of row ${row}`);
    expect(Array.from(got.topIds), `largest ids of row ${row}`).toEqual(Array.from(want.topIds));
    expect(got.logSumExp, `logSumExp of row ${row}`).toBe(want.logSumExp);
    expect(got.scaledLogSumExp, `scaledLogSumExp of row ${row}`).toBe(want.scaledLogSumExp);
  }
}

/** Bit for bit, and said briefly: a list of thousands of numbers helps nobody. */
export function expectSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const actualBits = bitsOf(actual);
  const expectedBits = bitsOf(expected);
  const at = actualBits.findIndex((bits, i) => bits !== expectedBits[i]);
  if (at >= 0) expect.fail(`${what}: value ${at} of ${actual.length} is ${actual[at]}, not ${expected[at]}`);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
