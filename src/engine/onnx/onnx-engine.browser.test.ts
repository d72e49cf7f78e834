import { describe, expect, test } from 'vitest';
import { loadReference, referenceLogits } from '../reference.ts';
import { uniformTypes } from '../tensor-shape.ts';
import {
  type ContractModel,
  layerTensors,
  loadWhole,
  PLAIN_MODEL,
  referenceSource,
  someTokens,
} from '../testing/contract-models.ts';
import { CLOSE_VALUES, largestDifference, runChunked } from '../testing/contract-runs.ts';
import { describeEngineContract } from '../testing/engine-contract.ts';
import { createOnnxEngine } from './onnx-engine.ts';
import { ONNX_TYPES } from './onnx-types.ts';

/** Rotated whole, in heads of a multiple of 16, of formats that it can hold without loss. */
function runs({ spec: { headDim, ropeDim }, types }: ContractModel): boolean {
  return headDim % 16 === 0 && ropeDim === headDim && Object.values(types).every((type) => ONNX_TYPES.includes(type));
}

describeEngineContract('onnxruntime-web', createOnnxEngine, { runs, kvRounding: 'none', same: CLOSE_VALUES });

describe('the onnxruntime-web engine', () => {
  test.each(['Q4_0', 'F16'] as const)('computes what float64 computes of %s, across chunks', async (type) => {
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

  test('refuses a layer of another format, names it, and keeps nothing of it', async () => {
    const engine = await createOnnxEngine({ spec: PLAIN_MODEL.spec, contextLength: 64 });
    const mixed = { ...PLAIN_MODEL, types: { ...PLAIN_MODEL.types, ffn_up: 'Q5_1' as const } };
    await expect(engine.loadLayer(0, layerTensors(mixed, 0))).rejects.toMatchObject({
      code: 'quantisation-unsupported',
      message: expect.stringContaining('this tensor is Q5_1'),
    });
    expect(engine.memory()).toEqual({ weightBytes: 0, kvBytes: 0 });
    engine.destroy();
  });
});
