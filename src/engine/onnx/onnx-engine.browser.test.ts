import { describe, expect, test } from 'vitest';
import { type ContractModel, loadWhole, PLAIN_MODEL, referenceSource, someTokens } from '../contract/contract-models.ts';
import { largestDifference, runChunked } from '../contract/contract-runs.ts';
import { describeEngineContract } from '../engine-contract.ts';
import { loadReference, referenceLogits } from '../reference.ts';
import { uniformTypes } from '../tensor-shape.ts';
import { createOnnxEngine } from './onnx-engine.ts';

/** A row of the second engine keeps its bits only among chunks of one size: with rows one at a time all else can be shown. */
describeEngineContract('onnxruntime-web, row by row', (options) => createOnnxEngine(options, { chunkRows: 1 }), {
  // Most of the odd models have heads that it refuses; its formats are tested below.
  runs: () => false,
  kvRounding: 'none',
  batches: false,
  contextLength: 80,
});

describe('the onnxruntime-web engine with rows in chunks', () => {
  test.each(['Q8_0', 'Q4_0', 'F16'] as const)('computes what float64 computes of %s, across chunks', async (type) => {
    const model: ContractModel = { ...PLAIN_MODEL, types: uniformTypes(type) };
    const engine = await createOnnxEngine({ spec: model.spec, contextLength: 64 });
    await loadWhole(engine, model);
    const tokens = someTokens(model, 20);
    const expected = referenceLogits(await loadReference(model.spec, referenceSource(model)), tokens, 'none');
    const actual = await runChunked(engine, model, tokens, tokens.length);
    const differences = actual.map(({ logits }, row) => largestDifference(logits!, expected[row]!));
    expect(Math.max(...differences)).toBeLessThan(1e-4);
    engine.destroy();
  });

  test('refuses heads that it cannot rotate, and says which it can', async () => {
    const spec = { ...PLAIN_MODEL.spec, headDim: 24, ropeDim: 24 };
    const refused = createOnnxEngine({ spec, contextLength: 64 });
    await expect(refused).rejects.toMatchObject({ code: 'model-malformed', message: expect.stringContaining('multiple of 16') });
  });
});
