import * as v from 'valibot';
import { expect, test } from 'vitest';
import type { ModelSpec } from '../model/model-spec.ts';
import { ModelSpecSchema } from '../model/model-spec.ts';

const SPEC: ModelSpec = {
  name: 'llama',
  architecture: 'llama',
  quantisation: 'Q4_K',
  dim: 2048,
  nLayers: 1,
  nHeads: 32,
  nKvHeads: 8,
  headDim: 64,
  ffnDim: 8192,
  vocabSize: 128_256,
  contextLength: 131_072,
  ropeTheta: 500_000,
  ropeDim: 64,
  rmsEps: 1e-5,
  tiedHead: true,
  layerBytes: [1000],
  embeddingBytes: 10,
  headBytes: 10,
};

test('a model travels with the factors of its RoPE, or without', () => {
  const scaled = { ...SPEC, ropeFactors: Array<number>(32).fill(8) };
  expect(v.parse(ModelSpecSchema, scaled)).toEqual(scaled);
  expect(v.parse(ModelSpecSchema, SPEC)).toEqual(SPEC);
});

test.each([[[0]], [[Number.NaN]], [Array<number>(513).fill(1)], ['8']])(
  'factors that are none are refused: %#',
  (ropeFactors) => {
    expect(v.safeParse(ModelSpecSchema, { ...SPEC, ropeFactors }).success).toBe(false);
  },
);
