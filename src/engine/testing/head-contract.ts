import { expect, test } from 'vitest';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { HEAD_TOP, type HeadAsk, type HeadRow } from '../../shared/model/head-row.ts';
import { askRows, type ShardEngine } from '../shard-engine.ts';
import { type ContractModel, headTensors, someTokens } from './contract-models.ts';
import { expectSameBits, type Part, type RowComparison, rowsOf, wholeModel, wholeRequest } from './contract-runs.ts';

/** What the head replies about the rows that it is asked for. */
export function describeHead(model: ContractModel, engine: () => ShardEngine, same: RowComparison): void {
  const ask = (head: readonly HeadAsk[]) => askHead(engine(), model, head);

  test('names the largest logits in order, the smaller id first among equals', async () => {
    const [row] = await ask(askRows([3], { fullRow: true }));
    expectTop(row!);
    expect(row!.topIds.length).toBe(Math.min(HEAD_TOP, model.spec.vocabSize));
  });

  test('orders equal logits by id', async () => {
    engine().unloadHead();
    await engine().loadHead(repeatedRows(headTensors(model), 5));
    const [row] = await ask(askRows([2], { fullRow: true }));
    expect(new Set(row!.logits!).size).toBeLessThanOrEqual(5);
    expectTop(row!);
    engine().unloadHead();
    await engine().loadHead(headTensors(model));
  });

  test('sums over the whole vocabulary, plain and by temperature', async () => {
    for (const invTemperature of [1, 1.25, 4, 0.1]) {
      const [row] = await ask(askRows([1], { fullRow: true, invTemperature }));
      expect(row!.logSumExp).toBeCloseTo(logSumExp(row!.logits!, 1), 4);
      expect(row!.scaledLogSumExp).toBeCloseTo(logSumExp(row!.logits!, invTemperature), 4);
    }
  });

  test('adds the logits of wanted ids, in the order asked, for each row', async () => {
    const wantIds = Uint32Array.of(model.spec.vocabSize - 1, 0, 77, 77, 5);
    const rows = await ask(askRows([0, 2, 4], { wantIds, fullRow: true }));
    expect(rows.length).toBe(3);
    for (const { wantLogits, logits } of rows) expectSameBits(wantLogits, pick(logits!, wantIds), 'wanted logits');
  });

  test('leaves the full row out unless asked, and says the same of the rest', async () => {
    const full = await ask(askRows([4], { wantIds: Uint32Array.of(9), fullRow: true, invTemperature: 1.5 }));
    const brief = await ask(askRows([4], { wantIds: Uint32Array.of(9), invTemperature: 1.5 }));
    expect(brief[0]!.logits).toBeNull();
    expect({ ...brief[0], logits: null }).toEqual({ ...full[0], logits: null });
  });

  test(`gives each row what was asked of it, ${same.words} as alone, whatever is asked of the rows beside it`, async () => {
    // More rows than are computed together, of several sequences, each with a temperature and wishes of its own, or none.
    const rowsEach = 5;
    const parts = Array.from({ length: 3 }, (_, i) => {
      return { sequence: `chat ${i}`, start: 0, tokens: someTokens(model, rowsEach, 30 + i) };
    });
    const asks = rowsOf(parts).flatMap((_, row): HeadAsk[] => {
      if (row % rowsEach === 2) return [];
      const wanted = row % 4 === 3 ? 40 : row % 4;
      const wantIds = Uint32Array.from({ length: wanted }, (__, i) => (7 * row + 3 * i) % model.spec.vocabSize);
      return [{ row, wantIds, fullRow: row % 3 === 0, invTemperature: 1 + row / 8 }];
    });
    const together = await askParts(engine(), model, parts, asks);
    expect(together.length).toBe(asks.length);
    for (const [i, ask] of asks.entries()) {
      const own = { ...ask, row: ask.row % rowsEach };
      const part = parts[Math.floor(ask.row / rowsEach)]!;
      const [brief] = await askParts(engine(), model, [part], [own]);
      const [alone] = await askParts(engine(), model, [part], [{ ...own, fullRow: true }]);
      for (const got of [together[i]!, brief!]) {
        expect(got.logits !== null, `row ${ask.row}`).toBe(ask.fullRow);
        same.rows([{ ...got, logits: got.logits ?? alone!.logits }], [alone!]);
        same.values(got.wantLogits, pick(alone!.logits!, ask.wantIds), `wanted logits of row ${ask.row}`);
      }
    }
  });

  test('says nothing about no rows, and gives no hidden states when it is asked', async () => {
    const result = await engine().forward(request(model, []));
    engine().freeSequence('head');
    expect(result).toEqual({ hidden: null, head: [] });
  });
}

/** What the head says of whole new sequences, which are forgotten again. */
async function askParts(
  engine: ShardEngine,
  model: ContractModel,
  parts: readonly Part[],
  head: readonly HeadAsk[],
): Promise<HeadRow[]> {
  const result = await engine.forward({ ...wholeRequest(model, parts), head });
  for (const { sequence } of parts) engine.freeSequence(sequence);
  return result.head;
}

function request(model: ContractModel, head: readonly HeadAsk[]) {
  const tokens = someTokens(model, 5, 17);
  const rows = rowsOf([{ sequence: 'head', start: 0, tokens }]);
  return { rows, input: { tokens: Uint32Array.from(tokens) }, layers: wholeModel(model), head };
}

async function askHead(engine: ShardEngine, model: ContractModel, head: readonly HeadAsk[]): Promise<HeadRow[]> {
  const reply = await engine.forward(request(model, head));
  engine.freeSequence('head');
  return reply.head;
}

function expectTop({ logits, topIds, topLogits }: HeadRow): void {
  const byLogit = Array.from(logits!, (logit, id) => ({ logit, id })).sort((a, b) => b.logit - a.logit || a.id - b.id);
  expect(Array.from(topIds)).toEqual(byLogit.slice(0, topIds.length).map(({ id }) => id));
  expectSameBits(topLogits, pick(logits!, topIds), 'largest logits');
}

function pick(logits: Float32Array, ids: Uint32Array): Float32Array {
  return Float32Array.from(ids, (id) => logits[id]!);
}

function logSumExp(logits: Float32Array, scale: number): number {
  const largest = Math.max(...logits) * scale;
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit * scale - largest), 0));
}

/** An output matrix in which every row is one of the first `distinct`, so that many logits are equal. */
async function* repeatedRows(tensors: AsyncIterable<WeightTensor>, distinct: number): AsyncGenerator<WeightTensor> {
  for await (const tensor of tensors) {
    if (tensor.role === 'output') {
      const bytesPerRow = tensor.bytes.length / tensor.rows;
      const group = tensor.bytes.slice(0, distinct * bytesPerRow);
      for (let row = 0; row < tensor.rows; row++) {
        const from = (row % distinct) * bytesPerRow;
        tensor.bytes.set(group.subarray(from, from + bytesPerRow), row * bytesPerRow);
      }
    }
    yield tensor;
  }
}
