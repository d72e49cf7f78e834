import { type ByteSource, checkRange } from '../../src/gguf/byte-source.ts';
import { BLOCK_FORMATS, rowBytes } from '../../src/gguf/quant.ts';
import { randomBlocks } from '../../src/gguf/random-blocks.ts';
import { LAYER_ROLES, type TensorRole } from '../../src/gguf/weight-tensor.ts';
import { type FormatOf, fileFormat } from './file-formats.ts';
import { aligned, type HeaderTensor, type HeaderValue, writeHeader } from './gguf-header-writer.ts';
import type { ModelShape } from './model-shapes.ts';
import { vocabularyMetadata } from './synthetic-vocabulary.ts';

export interface SyntheticOptions {
  name: string;
  shape: ModelShape;
  /** One of FILE_FORMATS. */
  format: string;
  /** Fewer than the shape has, perhaps. */
  nLayers?: number;
  seed?: number;
  /** Bytes of nothing before the tensors, so that offsets pass 2^32 in a file of few layers. */
  gapBytes?: number;
}

interface PlacedTensor extends HeaderTensor {
  byteLength: number;
  magnitude: number;
  seed: number;
  /** What is in it instead of random blocks. */
  bytes?: Uint8Array;
}

/** A GGUF file of which any range can be had, made when it is asked for: the weights are random valid blocks. */
export function syntheticGguf(options: SyntheticOptions): ByteSource {
  return new SyntheticGguf(options);
}

class SyntheticGguf implements ByteSource {
  readonly url: string;
  readonly size: number;
  private readonly header: Uint8Array;
  private readonly tensors: readonly PlacedTensor[];

  constructor(options: SyntheticOptions) {
    const shape = { ...options.shape, nLayers: options.nLayers ?? options.shape.nLayers };
    this.url = `synthetic:${options.name}`;
    this.tensors = placeTensors(
      shape,
      fileFormat(options.format, shape.nLayers),
      options.seed ?? 1,
      aligned(options.gapBytes ?? 0),
    );
    this.header = writeHeader({ ...modelMetadata(options.name, shape), ...vocabularyMetadata(shape) }, this.tensors);
    const last = this.tensors.at(-1)!;
    this.size = this.header.length + aligned(last.dataOffset + last.byteLength);
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    checkRange(this, start, end);
    const out = new Uint8Array(end - start);
    if (start < this.header.length) out.set(this.header.subarray(start, end));
    for (const tensor of this.tensors) {
      const tensorStart = this.header.length + tensor.dataOffset;
      const from = Math.max(start, tensorStart);
      const to = Math.min(end, tensorStart + tensor.byteLength);
      if (from < to) out.set(tensorBytes(tensor, from - tensorStart, to - tensorStart), from - start);
    }
    return out;
  }
}

/** Bytes [from, to) of a tensor, from whole blocks whose first has an even number. */
function tensorBytes({ type, magnitude, seed, shape, byteLength, bytes }: PlacedTensor, from: number, to: number): Uint8Array {
  if (bytes) return bytes.subarray(from, to);
  const { blockBytes } = BLOCK_FORMATS[type];
  const firstBlock = 2 * Math.floor(from / blockBytes / 2);
  const endBlock = Math.min(Math.ceil(to / blockBytes), byteLength / blockBytes);
  const blocks = randomBlocks(type, endBlock - firstBlock, { magnitude, positive: shape.length === 1, seed, firstBlock });
  return blocks.subarray(from - firstBlock * blockBytes, to - firstBlock * blockBytes);
}

function placeTensors(shape: ModelShape, formatOf: FormatOf, seed: number, gapBytes: number): PlacedTensor[] {
  let dataOffset = gapBytes;
  return tensorList(shape).map(({ name, role, layer, columns, rows, bytes }, index) => {
    const type = role ? formatOf(role, layer, columns) : 'F32';
    const byteLength = rows * rowBytes(type, columns);
    const magnitude = rows === 1 ? 1 : 1 / Math.sqrt(columns);
    const dimensions = role?.endsWith('_norm') || !role ? [columns] : [columns, rows];
    const placed = {
      name,
      type,
      shape: dimensions,
      dataOffset,
      byteLength,
      magnitude,
      seed: Math.imul(seed, 0x9e3779b1) + 7919 * index,
    };
    dataOffset += aligned(byteLength);
    return bytes ? { ...placed, bytes } : placed;
  });
}

interface ListedTensor {
  name: string;
  /** Null for the factors of RoPE. */
  role: TensorRole | null;
  layer: number;
  columns: number;
  rows: number;
  bytes?: Uint8Array;
}

function tensorList(shape: ModelShape): ListedTensor[] {
  const { dim, nHeads, nKvHeads, ffnDim, vocabSize, nLayers, tied, originalContext } = shape;
  const headDim = headDimOf(shape);
  const sizes: Record<TensorRole, [rows: number, columns: number]> = {
    token_embd: [vocabSize, dim],
    attn_norm: [1, dim],
    attn_q: [nHeads * headDim, dim],
    attn_k: [nKvHeads * headDim, dim],
    attn_v: [nKvHeads * headDim, dim],
    attn_output: [dim, nHeads * headDim],
    ffn_norm: [1, dim],
    ffn_gate: [ffnDim, dim],
    ffn_up: [ffnDim, dim],
    ffn_down: [dim, ffnDim],
    output_norm: [1, dim],
    output: [vocabSize, dim],
  };
  const tensor = (prefix: string, role: TensorRole, layer = 0): ListedTensor => {
    const [rows, columns] = sizes[role];
    return { name: `${prefix}${role}.weight`, role, layer, rows, columns };
  };
  const list = [tensor('', 'token_embd')];
  for (let layer = 0; layer < nLayers; layer++) list.push(...LAYER_ROLES.map((role) => tensor(`blk.${layer}.`, role, layer)));
  list.push(tensor('', 'output_norm'));
  if (!tied) list.push(tensor('', 'output'));
  if (originalContext)
    list.push({
      name: 'rope_freqs.weight',
      role: null,
      layer: 0,
      rows: 1,
      columns: headDim / 2,
      bytes: llama3Factors(shape, originalContext),
    });
  return list;
}

function headDimOf({ dim, nHeads, headDim }: ModelShape): number {
  return headDim ?? dim / nHeads;
}

/**
 * Llama 3.1's published rule: pairs that turn four times within the original context keep their pace, those that do not turn
 * once are slowed eight times, and between the two it changes smoothly.
 */
function llama3Factors(shape: ModelShape, originalContext: number): Uint8Array {
  const headDim = headDimOf(shape);
  const factors = Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * shape.ropeTheta ** ((2 * i) / headDim);
    const turns = originalContext / wavelength;
    if (turns > 4) return 1;
    if (turns < 1) return 8;
    const smooth = (turns - 1) / 3;
    return 1 / ((1 - smooth) / 8 + smooth);
  });
  return new Uint8Array(factors.buffer);
}

function modelMetadata(name: string, shape: ModelShape): Record<string, HeaderValue> {
  const u32 = (value: number): HeaderValue => ({ type: 'u32', value });
  const f32 = (value: number): HeaderValue => ({ type: 'f32', value });
  const headDim = headDimOf(shape);
  return {
    'general.architecture': { type: 'string', value: 'llama' },
    'general.name': { type: 'string', value: name },
    'llama.block_count': u32(shape.nLayers),
    'llama.context_length': u32(shape.contextLength),
    'llama.embedding_length': u32(shape.dim),
    'llama.feed_forward_length': u32(shape.ffnDim),
    'llama.attention.head_count': u32(shape.nHeads),
    'llama.attention.head_count_kv': u32(shape.nKvHeads),
    'llama.attention.key_length': u32(headDim),
    'llama.attention.value_length': u32(headDim),
    'llama.rope.dimension_count': u32(headDim),
    'llama.rope.freq_base': f32(shape.ropeTheta),
    ...(shape.ropeScale
      ? { 'llama.rope.scaling.type': { type: 'string', value: 'linear' }, 'llama.rope.scaling.factor': f32(shape.ropeScale) }
      : {}),
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.vocab_size': u32(shape.vocabSize),
  };
}
