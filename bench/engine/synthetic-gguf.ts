import { open } from 'node:fs/promises';
import { randomEmbedding, randomHead, randomLayer } from '../../src/engine/random-weights.ts';
import { uniformTypes } from '../../src/engine/tensor-shape.ts';
import { METADATA_TYPES } from '../../src/gguf/metadata.ts';
import { BLOCK_FORMATS, type QuantType } from '../../src/gguf/quant.ts';
import type { WeightTensor } from '../../src/gguf/weight-tensor.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';

export type Shape = Pick<ModelSpec, 'dim' | 'nLayers' | 'nHeads' | 'nKvHeads' | 'ffnDim'>;

/** Llama shapes from small enough for any machine to a real one. */
export const SHAPES: Record<string, Shape> = {
  mini: { dim: 512, nLayers: 4, nHeads: 8, nKvHeads: 4, ffnDim: 1408 },
  mid: { dim: 1024, nLayers: 8, nHeads: 16, nKvHeads: 8, ffnDim: 2816 },
  layers22: { dim: 256, nLayers: 22, nHeads: 4, nKvHeads: 4, ffnDim: 704 },
  tinyllama: { dim: 2048, nLayers: 22, nHeads: 32, nKvHeads: 4, ffnDim: 5632 },
};
const VOCAB_SIZE = 32_000;
const CONTEXT_LENGTH = 2048;
const ALIGNMENT = 32;
const SEED = 3;

/** Writes a whole llama model of valid random blocks, which every engine runs and none makes sense of. */
export async function writeSyntheticGguf(path: string, shape: Shape, type: QuantType): Promise<void> {
  const spec = specOf(shape);
  const types = uniformTypes(type);
  const parts = async function* (): AsyncGenerator<[string, WeightTensor]> {
    for await (const tensor of randomEmbedding(spec, types, SEED)) yield ['token_embd.weight', tensor];
    for (let layer = 0; layer < spec.nLayers; layer++)
      for await (const tensor of randomLayer(spec, types, layer, SEED)) yield [`blk.${layer}.${tensor.role}.weight`, tensor];
    for await (const tensor of randomHead(spec, types, SEED)) yield [`${tensor.role}.weight`, tensor];
  };
  const table: { name: string; tensor: Omit<WeightTensor, 'bytes'>; bytes: number }[] = [];
  for await (const [name, { bytes, ...tensor }] of parts()) table.push({ name, tensor, bytes: bytes.length });
  const file = await open(path, 'w');
  try {
    await file.write(header(spec, table));
    for await (const [, { bytes }] of parts()) await file.write(padded(bytes));
  } finally {
    await file.close();
  }
}

function specOf(shape: Shape): ModelSpec {
  const headDim = shape.dim / shape.nHeads;
  return {
    ...shape,
    name: 'synthetic',
    architecture: 'llama',
    quantisation: '',
    headDim,
    ropeDim: headDim,
    vocabSize: VOCAB_SIZE,
    contextLength: CONTEXT_LENGTH,
    ropeTheta: 10_000,
    rmsEps: 1e-5,
    tiedHead: false,
    layerBytes: [],
    embeddingBytes: 0,
    headBytes: 0,
  };
}

function header(spec: ModelSpec, table: readonly { name: string; tensor: Omit<WeightTensor, 'bytes'>; bytes: number }[]): Buffer {
  const metadata = metadataOf(spec);
  const parts = [Buffer.from('GGUF'), u32(3), u64(table.length), u64(metadata.length), ...metadata];
  let offset = 0;
  for (const { name, tensor, bytes } of table) {
    const dims = tensor.rows === 1 ? [tensor.columns] : [tensor.columns, tensor.rows];
    parts.push(text(name), u32(dims.length), ...dims.map(u64), u32(BLOCK_FORMATS[tensor.type].ggmlType), u64(offset));
    offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  }
  return padded(Buffer.concat(parts));
}

function metadataOf(spec: ModelSpec): Buffer[] {
  const entry = (key: string, type: keyof typeof METADATA_TYPES, value: Buffer) =>
    Buffer.concat([text(key), u32(METADATA_TYPES[type]), value]);
  const number = (key: string, value: number) => entry(key, 'u32', u32(value));
  const array = (key: string, type: keyof typeof METADATA_TYPES, values: readonly Buffer[]) =>
    entry(key, 'array', Buffer.concat([u32(METADATA_TYPES[type]), u64(values.length), ...values]));
  const { pieces, kinds } = vocabulary();
  return [
    entry('general.architecture', 'string', text('llama')),
    entry('general.name', 'string', text('synthetic')),
    number('llama.block_count', spec.nLayers),
    number('llama.context_length', spec.contextLength),
    number('llama.embedding_length', spec.dim),
    number('llama.feed_forward_length', spec.ffnDim),
    number('llama.attention.head_count', spec.nHeads),
    number('llama.attention.head_count_kv', spec.nKvHeads),
    number('llama.rope.dimension_count', spec.ropeDim),
    entry('llama.attention.layer_norm_rms_epsilon', 'f32', f32(spec.rmsEps)),
    entry('tokenizer.ggml.model', 'string', text('llama')),
    array('tokenizer.ggml.tokens', 'string', pieces.map(text)),
    array(
      'tokenizer.ggml.scores',
      'f32',
      pieces.map((_, i) => f32(-i)),
    ),
    array('tokenizer.ggml.token_type', 'i32', kinds.map(u32)),
    number('tokenizer.ggml.bos_token_id', 1),
    number('tokenizer.ggml.eos_token_id', 2),
  ];
}

/** Special tokens, every byte, and words that no prompt contains: so a text has one token to a byte. */
function vocabulary(): { pieces: string[]; kinds: number[] } {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const words = Array.from({ length: VOCAB_SIZE - 259 }, (_, i) => `word${i}`);
  const kinds = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)];
  return { pieces: ['<unk>', '<s>', '</s>', ...bytes, ...words], kinds };
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);
}
