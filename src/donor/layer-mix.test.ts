import { expect, test } from 'vitest';
import type { GgufHeader, TensorInfo } from '../gguf/header.ts';
import { Metadata } from '../gguf/metadata.ts';
import { BLOCK_FORMATS, type QuantType } from '../gguf/quant.ts';
import { LAYER_ROLES } from '../gguf/weight-tensor.ts';
import { layerMix } from './layer-mix.ts';

const SIDE = 256;

function header(downTypes: readonly QuantType[]): GgufHeader {
  const tensors = new Map<string, TensorInfo>();
  const add = (name: string, type: QuantType) => {
    const shape = name.includes('norm') ? [SIDE] : [SIDE, SIDE];
    const { blockBytes, blockValues } = BLOCK_FORMATS[type];
    const byteLength = (shape.reduce((a, b) => a * b) / blockValues) * blockBytes;
    tensors.set(name, { name, type, shape, offset: 0, byteLength });
  };
  for (const [layer, down] of downTypes.entries()) {
    for (const role of LAYER_ROLES)
      add(`blk.${layer}.${role}.weight`, role.includes('norm') ? 'F32' : role === 'ffn_down' ? down : 'Q4_K');
  }
  for (const [name, type] of [['token_embd', 'Q4_K'] as const, ['output_norm', 'F32'] as const, ['output', 'Q6_K'] as const])
    add(`${name}.weight`, type);
  return { version: 3, metadata: new Metadata(new Map()), tensors, unsupported: [], fileBytes: 0, ropeFactors: null };
}

test('a file whose layers are all alike is its first layer', () => {
  const { types, meanToCommon } = layerMix(header(['Q4_K', 'Q4_K', 'Q4_K']), 3);
  expect(types).toMatchObject({ ffn_down: 'Q4_K', output: 'Q6_K', token_embd: 'Q4_K', attn_norm: 'F32' });
  expect(meanToCommon).toBe(1);
});

test('a mixed file is its most common layer, and larger by as much as the mean layer is', () => {
  const mixed = header(['Q6_K', 'Q4_K', 'Q4_K', 'Q6_K', 'Q4_K']);
  const { types, meanToCommon } = layerMix(mixed, 5);
  expect(types.ffn_down).toBe('Q4_K');
  expect([...layerMix(header(['Q6_K', 'Q5_K', 'Q5_K']), 3).stageTypes].sort()).toEqual(['F32', 'Q4_K', 'Q5_K', 'Q6_K']);
  const [q4, q6] = [BLOCK_FORMATS.Q4_K.blockBytes, BLOCK_FORMATS.Q6_K.blockBytes].map((bytes) => bytes * SIDE);
  const common = 7 * q4! + 2 * 4 * SIDE;
  expect(meanToCommon).toBeCloseTo((common + (2 / 5) * (q6! - q4!)) / common, 12);
});
