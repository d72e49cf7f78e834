import { describe, expect, test } from 'vitest';
import type { HeadRow } from '../../shared/model/head-row.ts';
import { type KvRounding, loadReference, referenceLogits } from '../reference.ts';
import type { ShardEngine } from '../shard-engine.ts';
import { type ContractModel, referenceSource, someTokens } from './contract-models.ts';
import {
  fullHead,
  largestDifference,
  type RowComparison,
  rowsOf,
  runAlone,
  runChunked,
  runWhole,
  wholeModel,
} from './contract-runs.ts';

/**
 * Float32 sums alone are off by about 1e-6 on these models, whose logits reach 5. Where a key or value lies near the middle
 * between two 16-bit neighbours, it rounds to the other one, and that row and those after it are off by what the two are
 * apart: so the worst row is given more room than the best quarter. A wrong epsilon, angle or head is off by a hundred times
 * as much.
 */
const BEST_QUARTER_TOLERANCE = 5e-4;
const ROW_TOLERANCE: Record<KvRounding, number> = { none: 5e-4, integers: 1e-3 };

export interface RowsOptions {
  kvRounding: KvRounding;
  same: RowComparison;
}

/** What holds for every model: right numbers, and the same bits however rows are grouped and layers are split. */
export function describeRows(model: ContractModel, engine: () => ShardEngine, { kvRounding, same }: RowsOptions): void {
  test('computes what float64 computes', async () => {
    const tokens = someTokens(model, 12);
    const expected = referenceLogits(await loadReference(model.spec, referenceSource(model)), tokens, kvRounding);
    const actual = await runChunked(engine(), model, tokens, tokens.length);
    const differences = actual.map(({ logits }, row) => largestDifference(logits!, expected[row]!)).sort((a, b) => a - b);
    expect(differences[differences.length >> 2]!, 'best quarter of rows').toBeLessThan(BEST_QUARTER_TOLERANCE);
    expect(differences.at(-1)!, 'worst row').toBeLessThan(ROW_TOLERANCE[kvRounding]);
  });

  test(`gives a row ${same.words} in every chunking`, async () => {
    const tokens = someTokens(model, 14);
    const alone = await runAlone(engine(), model, tokens);
    for (const chunkRows of [2, 7, 14]) same.rows(await runChunked(engine(), model, tokens, chunkRows), alone);
  });

  test(`gives ${same.words} wherever the layers are split`, async () => {
    const tokens = someTokens(model, 5, 3);
    const whole = await runChunked(engine(), model, tokens, 5);
    for (let cut = 0; cut <= model.spec.nLayers; cut++) same.rows(await runSplit(engine(), model, tokens, cut), whole);
  });
}

/** As two stages would run it: the first ends with hidden states, the second begins with them. */
async function runSplit(engine: ShardEngine, model: ContractModel, tokens: readonly number[], cut: number): Promise<HeadRow[]> {
  const rows = rowsOf([{ sequence: 'split', start: 0, tokens }]);
  const first = await engine.forward({
    rows,
    input: { tokens: Uint32Array.from(tokens) },
    layers: { startLayer: 0, endLayer: cut },
    head: null,
  });
  const second = await engine.forward({
    rows,
    input: { hidden: first.hidden! },
    layers: { startLayer: cut, endLayer: model.spec.nLayers },
    head: fullHead(rows.length),
  });
  engine.freeSequence('split');
  return second.head;
}

/** A row is a row also in large forwards and beside rows of other sequences; one model suffices to show it. */
export function describeBatches(model: ContractModel, engine: () => ShardEngine, same: RowComparison): void {
  describe('in a batch', () => {
    test('a row of a forward of 64 rows of three sequences is the row alone', async () => {
      const parts = [
        { sequence: 'a', start: 0, tokens: someTokens(model, 40, 11) },
        { sequence: 'b', start: 0, tokens: someTokens(model, 1, 12) },
        { sequence: 'c', start: 0, tokens: someTokens(model, 23, 13) },
      ];
      const batch = await runWhole(engine(), model, parts);
      for (const { sequence } of parts) engine().freeSequence(sequence);
      const alone: HeadRow[] = [];
      for (const { tokens } of parts) alone.push(...(await runAlone(engine(), model, tokens)));
      same.rows(batch, alone);
    });

    test('one token each of sequences of different lengths is that token alone', async () => {
      const lengths = [1, 5, 33];
      const alone: HeadRow[] = [];
      for (const length of lengths) alone.push((await runChunked(engine(), model, someTokens(model, length, length), 8)).at(-1)!);
      for (const length of lengths) {
        const tokens = someTokens(model, length, length).slice(0, -1);
        if (tokens.length > 0) await runWhole(engine(), model, [{ sequence: `s${length}`, start: 0, tokens }]);
      }
      const last = lengths.map((length) => ({
        sequence: `s${length}`,
        start: length - 1,
        tokens: someTokens(model, length, length).slice(-1),
      }));
      same.rows(await runWhole(engine(), model, last), alone);
      for (const { sequence } of last) engine().freeSequence(sequence);
    });

    test(`a sequence of 150 tokens has ${same.words} in chunks of 64 and of 37`, async () => {
      const tokens = someTokens(model, 150, 5);
      const expected = await runChunked(engine(), model, tokens, 37);
      same.rows(await runChunked(engine(), model, tokens, 64), expected);
    });

    test(`hidden states without a head have ${same.words} alone and together`, async () => {
      const tokens = someTokens(model, 6, 21);
      const layers = wholeModel(model);
      const together = await engine().forward({
        rows: rowsOf([{ sequence: 'h', start: 0, tokens }]),
        input: { tokens: Uint32Array.from(tokens) },
        layers,
        head: null,
      });
      engine().freeSequence('h');
      for (const [position, token] of tokens.entries()) {
        const rows = [{ sequence: 'h', position }];
        const alone = await engine().forward({ rows, input: { tokens: Uint32Array.of(token) }, layers, head: null });
        const { dim } = model.spec;
        same.values(alone.hidden!, together.hidden!.slice(position * dim, (position + 1) * dim), `hidden state ${position}`);
      }
      engine().freeSequence('h');
    });
  });
}
