import { expect, test } from 'vitest';
import { dequantize, type QuantType } from '../../gguf/quant.ts';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import { randomLayer } from '../random-weights.ts';
import { uniformTypes } from '../tensor-shape.ts';
import { PLAIN_MODEL } from '../testing/contract-models.ts';
import type { OnnxTensor } from './onnx-model.ts';
import { packMatrix } from './repack.ts';

async function randomMatrix(type: QuantType): Promise<WeightTensor> {
  for await (const tensor of randomLayer(PLAIN_MODEL.spec, uniformTypes(type), 0, 1)) if (tensor.rows > 1) return tensor;
  throw new Error('a layer without a matrix');
}

function originalValues({ type, rows, columns, bytes }: WeightTensor): number[] {
  const values = new Float32Array(rows * columns);
  dequantize(type, bytes, 0, values.length, values);
  return [...values];
}

const floats = ({ bytes }: OnnxTensor) => new Float32Array(bytes.slice().buffer);

test.each([
  { type: 'Q4_0', bits: 4, zero: 8 },
  { type: 'Q8_0', bits: 8, zero: 128 },
] as const)('blocks of $type mean the same after repacking, as MatMulNBits reads them', async ({ type, bits, zero }) => {
  const tensor = await randomMatrix(type);
  const packed = packMatrix('w', tensor);
  if (packed.kind !== 'blocks') throw new Error('blocks became floats');
  expect(packed.bits).toBe(bits);
  const { bytes } = packed.weights;
  const quants = bits === 8 ? [...bytes] : [...bytes].flatMap((byte) => [byte & 15, byte >> 4]);
  const scales = floats(packed.scales);
  expect(quants.map((quant, i) => (quant - zero) * scales[i >> 5]!)).toEqual(originalValues(tensor));
});

test.each(['F32', 'F16'] as const)('%s becomes floats, columns first', async (type) => {
  const tensor = await randomMatrix(type);
  const packed = packMatrix('w', tensor);
  expect(packed.weights.dims).toEqual([tensor.columns, tensor.rows]);
  const values = floats(packed.weights);
  const back = originalValues(tensor).map((_, i) => values[(i % tensor.columns) * tensor.rows + Math.floor(i / tensor.columns)]);
  expect(back).toEqual(originalValues(tensor));
});

test('other formats are refused', async () => {
  const tensor = await randomMatrix('F32');
  expect(() => packMatrix('w', { ...tensor, type: 'BF16' })).toThrow(
    expect.objectContaining({ code: 'quantisation-unsupported', message: expect.stringContaining('this tensor is BF16') }),
  );
});
