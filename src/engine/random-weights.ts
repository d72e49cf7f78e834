import { BLOCK_FORMATS, type QuantType } from '../gguf/quant.ts';
import { randomBlocks } from '../gguf/random-blocks.ts';
import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../gguf/weight-tensor.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { type TensorShape, type TensorTypes, tensorShape } from './tensor-shape.ts';

/**
 * Weights that nobody trained, for measuring a device before it has downloaded any and for testing engines: valid blocks
 * of about 1 / sqrt(columns), so that activations neither vanish nor explode. The same seed gives the same bytes.
 * Tensors are made one at a time, when asked for.
 */
export function randomLayer(spec: ModelSpec, types: TensorTypes, layer: number, seed: number): AsyncIterable<WeightTensor> {
  return randomTensors(spec, types, LAYER_ROLES, seed + 1 + layer);
}

export function randomHead(spec: ModelSpec, types: TensorTypes, seed: number): AsyncIterable<WeightTensor> {
  return randomTensors(spec, types, HEAD_ROLES, seed);
}

export function randomEmbedding(spec: ModelSpec, types: TensorTypes, seed: number): AsyncIterable<WeightTensor> {
  return randomTensors(spec, types, EMBEDDING_ROLES, seed);
}

async function* randomTensors(
  spec: ModelSpec,
  types: TensorTypes,
  roles: readonly TensorRole[],
  seed: number,
): AsyncGenerator<WeightTensor> {
  for (const [index, role] of roles.entries()) {
    yield randomTensor(role, types[role], tensorShape(spec, role), Math.imul(seed, 0x9e3779b1) + index);
  }
}

function randomTensor(role: TensorRole, type: QuantType, shape: TensorShape, seed: number): WeightTensor {
  const isNorm = shape.rows === 1;
  const blocks = (shape.rows * shape.columns) / BLOCK_FORMATS[type].blockValues;
  const magnitude = isNorm ? 1 : 1 / Math.sqrt(shape.columns);
  return { role, type, ...shape, bytes: randomBlocks(type, blocks, { magnitude, positive: isNorm, seed }) };
}
