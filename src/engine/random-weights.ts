import { type QuantType, rowBytes } from '../gguf/quant.ts';
import { EMBEDDING_ROLES, HEAD_ROLES, LAYER_ROLES, type TensorRole, type WeightTensor } from '../gguf/weight-tensor.ts';
import { floatToHalf } from '../shared/model/float16.ts';
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
  const byteLength = shape.rows * rowBytes(type, shape.columns);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  fillRandom(words, seed);
  shapeValues(type, words, isNorm ? 1 : 1 / Math.sqrt(shape.columns), isNorm);
  return { role, type, ...shape, bytes: new Uint8Array(words.buffer, 0, byteLength) };
}

/** A Weyl sequence through the finalizer of MurmurHash3: a few operations a word, and any seed is as good as another. */
function fillRandom(words: Uint32Array, seed: number): void {
  let state = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    words[i] = mixed ^ (mixed >>> 16);
  }
}

/** Turns random words into values of about `magnitude`: floats get its exponent, blocks a scale that makes it so. */
function shapeValues(type: QuantType, words: Uint32Array, magnitude: number, positive: boolean): void {
  const exponent = Math.floor(Math.log2(magnitude));
  // The divisors are the root mean squares of a random signed byte and of a random nibble minus 8.
  if (type === 'F32') setBits(words, positive ? 0x007fffff : 0x807fffff, (exponent + 127) << 23);
  else if (type === 'F16') setBits(words, positive ? 0x03ff03ff : 0x83ff83ff, ((exponent + 15) << 10) * 0x10001);
  else if (type === 'Q8_0') setScales(words, 34, magnitude / 73.9);
  else setScales(words, 18, magnitude / 4.64);
}

function setBits(words: Uint32Array, keepMask: number, exponentBits: number): void {
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! & keepMask) | exponentBits;
}

/** Leaves the low bits of each scale random, so that no two blocks need share one. */
function setScales(words: Uint32Array, blockBytes: number, scale: number): void {
  const bytes = new Uint8Array(words.buffer);
  const half = floatToHalf(scale);
  for (let at = 0; at + blockBytes <= bytes.length; at += blockBytes) {
    bytes[at] = (half & 0x80) | (bytes[at]! & 0x7f);
    bytes[at + 1] = half >> 8;
  }
}
