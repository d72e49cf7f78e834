import { expect, test } from 'vitest';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ShardEngine } from '../shard-engine.ts';
import { type ContractModel, embeddingTensors, headTensors, layerTensors, someTokens } from './contract-models.ts';
import {
  expectSameBits,
  fullHead,
  type RowComparison,
  runAlone,
  runChunked,
  runWhole,
  wholeModel,
  wholeRequest,
} from './contract-runs.ts';

/** Sequences that grow, are cut and end; parts that come and go; calls that are wrong or overlap. */
export function describeLife(
  model: ContractModel,
  engine: () => ShardEngine,
  { contextLength, same }: { contextLength: number; same: RowComparison },
): void {
  const tokens = someTokens(model, 9, 31);
  const run = (sequence: string, start: number, some: readonly number[]) =>
    runWhole(engine(), model, [{ sequence, start, tokens: some }]);

  test('a truncated sequence never saw what was cut', async () => {
    const expected = await runAlone(engine(), model, tokens);
    await run('cut', 0, [...tokens.slice(0, 4), 1, 2, 3]);
    engine().truncate('cut', 4);
    same.rows(await run('cut', 4, tokens.slice(4)), expected.slice(4));
    engine().truncate('cut', 0);
    same.rows(await run('cut', 0, tokens), expected);
    engine().truncate('cut', 8);
    same.rows(await run('cut', 8, tokens.slice(8)), expected.slice(8));
    engine().freeSequence('cut');
  });

  test('sequences do not see each other, and a freed name starts anew', async () => {
    const expected = await runAlone(engine(), model, tokens);
    await run('other', 0, someTokens(model, 20, 99));
    await run('mine', 0, someTokens(model, 6, 98));
    engine().freeSequence('mine');
    same.rows(await run('mine', 0, tokens), expected);
    engine().freeSequence('mine');
    engine().freeSequence('other');
  });

  test('freeing a sequence gives its memory back, and what it does not know is no error', async () => {
    const before = engine().memory();
    expect(before.kvBytes).toBe(0);
    await run('big', 0, someTokens(model, 70));
    const { kvBytes, weightBytes } = engine().memory();
    expect(weightBytes).toBe(before.weightBytes);
    expect(kvBytes).toBeGreaterThanOrEqual(70 * model.spec.nLayers * 2 * model.spec.nKvHeads * model.spec.headDim * 2);
    engine().freeSequence('big');
    engine().freeSequence('never seen');
    engine().truncate('never seen', 3);
    expect(engine().memory()).toEqual(before);
  });

  test(`unloading gives the memory back, of weights and of what the layers kept; loading again gives ${same.words}`, async () => {
    const before = engine().memory();
    const expected = await run('reload', 0, tokens);
    unloadWhole(engine(), model);
    expect(engine().memory()).toEqual({ weightBytes: 0, kvBytes: 0 });
    await engine().loadHead(headTensors(model));
    for (let layer = model.spec.nLayers - 1; layer >= 0; layer--) await engine().loadLayer(layer, layerTensors(model, layer));
    await engine().loadEmbedding(embeddingTensors(model));
    expect(engine().memory()).toEqual(before);
    engine().truncate('reload', 0);
    same.rows(await run('reload', 0, tokens), expected);
    engine().freeSequence('reload');
  });

  test('a layer that was unloaded has forgotten its sequences, the others have not', async () => {
    await run('moved', 0, tokens);
    engine().unloadLayer(1);
    await engine().loadLayer(1, layerTensors(model, 1));
    await expectCode(run('moved', 9, [4]), 'sequence-gap');
    const hidden = new Float32Array(model.spec.dim).fill(0.5);
    const rows = [{ sequence: 'moved', position: 9 }];
    await engine().forward({ rows, input: { hidden }, layers: { startLayer: 0, endLayer: 1 }, head: null });
    engine().freeSequence('moved');
  });

  test('some layers can forget what the others keep, and be fed again', async () => {
    const request = wholeRequest(model, [{ sequence: 'rebuilt', start: 0, tokens }]);
    const first = await engine().forward({ ...request, layers: { startLayer: 0, endLayer: 1 }, head: null });
    const rest = { ...request, input: { hidden: first.hidden! }, layers: { ...wholeModel(model), startLayer: 1 } };
    const expected = await engine().forward(rest);
    engine().truncate('rebuilt', 4, rest.layers);
    const tail = {
      ...rest,
      rows: rest.rows.slice(4),
      input: { hidden: first.hidden!.slice(4 * model.spec.dim) },
      head: fullHead(tokens.length - 4),
    };
    await expectCode(engine().forward({ ...request, rows: tail.rows, input: tail.input, head: null }), 'sequence-gap');
    same.rows((await engine().forward(tail)).head, expected.head.slice(4));
    expect((await run('rebuilt', 9, [6])).length).toBe(1);
    engine().freeSequence('rebuilt');
  });

  test('refuses positions that do not follow, and goes on unharmed', async () => {
    const expected = await runAlone(engine(), model, tokens);
    await expectCode(run('gap', 1, [5]), 'sequence-gap');
    await run('gap', 0, tokens.slice(0, 3));
    await expectCode(run('gap', 4, [5]), 'sequence-gap');
    await expectCode(run('gap', 2, [5]), 'sequence-gap');
    same.rows(await run('gap', 3, tokens.slice(3)), expected.slice(3));
    engine().freeSequence('gap');
  });

  test('refuses what goes beyond the context, and keeps the sequence as it was', async () => {
    const long = someTokens(model, contextLength);
    await expectCode(run('full', 0, [...long, 1]), 'context-full');
    await run('full', 0, long.slice(0, -1));
    await expectCode(run('full', contextLength - 1, [1, 2]), 'context-full');
    const [last] = await run('full', contextLength - 1, long.slice(-1));
    await expectCode(run('full', contextLength, [1]), 'context-full');
    same.rows([last!], (await runChunked(engine(), model, long, 64)).slice(-1));
    engine().freeSequence('full');
  });

  test('refuses to run what is not loaded', async () => {
    engine().unloadLayer(1);
    await expectCode(run('lacks', 0, [1]), 'stage-failed');
    await engine().loadLayer(1, layerTensors(model, 1));
    engine().unloadHead();
    await expectCode(run('lacks', 0, [1]), 'stage-failed');
    await engine().loadHead(headTensors(model));
    engine().unloadEmbedding();
    await expectCode(run('lacks', 0, [1]), 'stage-failed');
    await engine().loadEmbedding(embeddingTensors(model));
    await run('lacks', 0, [1]);
    engine().freeSequence('lacks');
  });

  test('refuses a part that lacks a tensor or has one of another shape, and keeps nothing of it', async () => {
    engine().unloadLayer(0);
    const before = engine().memory();
    await expectCode(engine().loadLayer(0, allBut(layerTensors(model, 0), 'ffn_down')), 'model-malformed');
    await expectCode(
      engine().loadLayer(0, layerTensors({ ...model, spec: { ...model.spec, ffnDim: 32 } }, 0)),
      'model-malformed',
    );
    expect(engine().memory()).toEqual(before);
    await engine().loadLayer(0, layerTensors(model, 0));
  });

  test('takes a tensor in pieces, all in the same memory, as if it came whole', async () => {
    const expected = await runAlone(engine(), model, tokens);
    await engine().loadEmbedding(inPieces(embeddingTensors(model)));
    for (let layer = 0; layer < model.spec.nLayers; layer++)
      await engine().loadLayer(layer, inPieces(layerTensors(model, layer)));
    await engine().loadHead(inPieces(headTensors(model)));
    same.rows(await runAlone(engine(), model, tokens), expected);
  });

  test('refuses a tensor whose pieces leave rows out, and keeps nothing of it', async () => {
    engine().unloadLayer(0);
    const before = engine().memory();
    await expectCode(engine().loadLayer(0, allBut(inPieces(layerTensors(model, 0)), 'ffn_down', 8)), 'model-malformed');
    expect(engine().memory()).toEqual(before);
    await engine().loadLayer(0, layerTensors(model, 0));
  });

  test('keeps none of the buffers that it was given', async () => {
    const expected = await runAlone(engine(), model, tokens);
    engine().unloadLayer(2);
    await engine().loadLayer(2, wipedAfterUse(layerTensors(model, 2)));
    same.rows(await runAlone(engine(), model, tokens), expected);
  });

  test('turns tokens into their embeddings when no layer follows', async () => {
    const rows = [{ sequence: 'embed', position: 0 }];
    const none = { startLayer: 0, endLayer: 0 };
    const embedded = await engine().forward({ rows, input: { tokens: Uint32Array.of(3) }, layers: none, head: null });
    expect(embedded.hidden!.length).toBe(model.spec.dim);
    const passed = await engine().forward({ rows, input: { hidden: embedded.hidden! }, layers: none, head: null });
    expectSameBits(passed.hidden!, embedded.hidden!, 'hidden states that no layer touched');
  });

  test('overlapping calls run in the order they were made', async () => {
    const expected = await runAlone(engine(), model, tokens);
    const steps = tokens.map((token, position) => run('queued', position, [token]));
    engine().truncate('queued', 4);
    const again = run('queued', 4, tokens.slice(4));
    engine().freeSequence('queued');
    const anew = run('queued', 0, tokens.slice(0, 2));
    same.rows((await Promise.all(steps)).flat(), expected);
    same.rows(await again, expected.slice(4));
    same.rows(await anew, expected.slice(0, 2));
    engine().freeSequence('queued');
  });

  test('a call that fails does not take the next one with it', async () => {
    const failing = expectCode(run('shaky', 3, [1]), 'sequence-gap');
    const working = run('shaky', 0, [1]);
    await failing;
    expect((await working).length).toBe(1);
    engine().freeSequence('shaky');
  });

  test('serves while another layer is still arriving', async () => {
    engine().unloadLayer(2);
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const loading = engine().loadLayer(2, heldBack(layerTensors(model, 2), gate));
    const request = wholeRequest(model, [{ sequence: 'meanwhile', start: 0, tokens }]);
    const early = await engine().forward({ ...request, layers: { startLayer: 0, endLayer: 2 }, head: null });
    expect(early.hidden!.length).toBe(tokens.length * model.spec.dim);
    open();
    await loading;
    const late = await engine().forward({
      rows: request.rows,
      input: { hidden: early.hidden! },
      layers: { ...wholeModel(model), startLayer: 2 },
      head: request.head,
    });
    same.rows(late.head, await runAlone(engine(), model, tokens));
    engine().freeSequence('meanwhile');
  });
}

async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: 'AppError', code });
}

function unloadWhole(engine: ShardEngine, model: ContractModel): void {
  for (let layer = 0; layer < model.spec.nLayers; layer++) engine.unloadLayer(layer);
  engine.unloadHead();
  engine.unloadEmbedding();
}

async function* allBut(tensors: AsyncIterable<WeightTensor>, role: string, firstRow?: number): AsyncGenerator<WeightTensor> {
  for await (const tensor of tensors) if (tensor.role !== role || tensor.firstRow !== firstRow) yield tensor;
}

/** Eight rows at a time; each piece is overwritten by the next. */
async function* inPieces(tensors: AsyncIterable<WeightTensor>): AsyncGenerator<WeightTensor> {
  for await (const tensor of tensors) {
    const bytesPerRow = tensor.bytes.length / tensor.rows;
    const room = new Uint8Array(8 * bytesPerRow);
    for (let firstRow = 0; firstRow < tensor.rows; firstRow += 8) {
      const rows = Math.min(8, tensor.rows - firstRow);
      const bytes = room.subarray(0, rows * bytesPerRow);
      bytes.set(tensor.bytes.subarray(firstRow * bytesPerRow, (firstRow + rows) * bytesPerRow));
      yield { ...tensor, firstRow, rows, bytes };
    }
  }
}

async function* wipedAfterUse(tensors: AsyncIterable<WeightTensor>): AsyncGenerator<WeightTensor> {
  for await (const tensor of tensors) {
    yield tensor;
    tensor.bytes.fill(0xff);
  }
}

async function* heldBack(tensors: AsyncIterable<WeightTensor>, gate: Promise<void>): AsyncGenerator<WeightTensor> {
  let first = true;
  for await (const tensor of tensors) {
    yield tensor;
    if (first) await gate;
    first = false;
  }
}
