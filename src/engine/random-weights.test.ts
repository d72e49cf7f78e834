import { expect, test } from 'vitest';
import { dequantize, QUANT_TYPES } from '../gguf/quant.ts';
import { LAYER_ROLES } from '../gguf/weight-tensor.ts';
import { checkedTensors } from './checked-tensors.ts';
import { randomLayer } from './random-weights.ts';
import { uniformTypes } from './tensor-shape.ts';
import { PLAIN_MODEL } from './testing/contract-models.ts';

/** Whole superblocks in every row. */
const SPEC = { ...PLAIN_MODEL.spec, dim: 256, ffnDim: 512, headDim: 64 };

test.each(QUANT_TYPES)('random %s weights are of the size that keeps activations alive', async (type) => {
  const tensors = checkedTensors(SPEC, LAYER_ROLES, randomLayer(SPEC, uniformTypes(type), 0, 1));
  for await (const tensor of tensors) {
    const values = new Float32Array(tensor.rows * tensor.columns);
    dequantize(tensor.type, tensor.bytes, 0, values.length, values);
    const rms = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    const wanted = tensor.rows === 1 ? 1 : 1 / Math.sqrt(tensor.columns);
    expect(rms / wanted, tensor.role).toBeGreaterThan(0.5);
    expect(rms / wanted, tensor.role).toBeLessThan(2);
  }
});

test('the same seed gives the same bytes, another layer others', async () => {
  const bytesOf = async (layer: number) => {
    const bytes: number[] = [];
    for await (const tensor of randomLayer(PLAIN_MODEL.spec, uniformTypes('Q4_0'), layer, 3)) bytes.push(...tensor.bytes);
    return bytes;
  };
  expect(await bytesOf(1)).toEqual(await bytesOf(1));
  expect(await bytesOf(1)).not.toEqual(await bytesOf(2));
});
