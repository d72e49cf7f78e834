import { METADATA_TYPES } from '../metadata.ts';
import { BLOCK_FORMATS, type QuantType, rowBytes } from '../quant.ts';
import { LAYER_ROLES } from '../weight-tensor.ts';

/** Writes GGUF files in memory for tests: valid ones, and ones that are wrong in one chosen place. */

export type TestValue =
  | { type: 'u8' | 'u16' | 'u32' | 'i32' | 'f32' | 'f64'; value: number }
  | { type: 'u64' | 'i64'; value: bigint }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'array'; of: 'string'; value: string[] }
  | { type: 'array'; of: 'f32' | 'i32'; value: number[] };

export interface TestTensor {
  name: string;
  type: QuantType;
  /** Fastest dimension first. */
  shape: number[];
  /** Of an F32 tensor; otherwise its bytes are a pattern. */
  values?: number[];
  /** What the table claims instead, while the data stay as they are. */
  lie?: { name?: string; shape?: number[]; ggmlType?: number; dataOffset?: number };
}

export interface TestGguf {
  version?: number;
  metadata: Record<string, TestValue>;
  tensors: TestTensor[];
}

const ALIGNMENT = 32;

export function writeGguf({ version = 3, metadata, tensors }: TestGguf): Uint8Array {
  const out = new ByteWriter();
  out.ascii('GGUF').u32(version).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeValue(out.string(key).u32(METADATA_TYPES[value.type]), value);
  let dataBytes = 0;
  for (const tensor of tensors) {
    const { name, shape, type, lie } = tensor;
    const claimedShape = lie?.shape ?? shape;
    out.string(lie?.name ?? name).u32(claimedShape.length);
    for (const dimension of claimedShape) out.u64(dimension);
    out.u32(lie?.ggmlType ?? BLOCK_FORMATS[type].ggmlType).u64(lie?.dataOffset ?? dataBytes);
    dataBytes += align(tensorBytes(tensor));
  }
  out.pad(align(out.length));
  const dataStart = out.length;
  for (const { values, ...tensor } of tensors) {
    const end = out.length + align(tensorBytes(tensor));
    for (const value of values ?? []) out.scalar('f32', value);
    for (let i = out.length - dataStart; out.length < end; i++) out.byte(i * 37 + (i >> 8));
  }
  return out.bytes();
}

export interface TinyLlama {
  dim?: number;
  nLayers?: number;
  nHeads?: number;
  nKvHeads?: number;
  ffnDim?: number;
  vocabSize?: number;
  type?: QuantType;
  tiedHead?: boolean;
}

/** A whole, small llama file; the weights are a fixed pattern of bytes. */
export function tinyLlama(options: TinyLlama = {}): TestGguf {
  const {
    dim = 64,
    nLayers = 2,
    nHeads = 4,
    nKvHeads = 2,
    ffnDim = 96,
    vocabSize = 40,
    type = 'Q8_0',
    tiedHead = false,
  } = options;
  const kvDim = (dim / nHeads) * nKvHeads;
  const shapes: Record<(typeof LAYER_ROLES)[number], number[]> = {
    attn_norm: [dim],
    attn_q: [dim, dim],
    attn_k: [dim, kvDim],
    attn_v: [dim, kvDim],
    attn_output: [dim, dim],
    ffn_norm: [dim],
    ffn_gate: [dim, ffnDim],
    ffn_up: [dim, ffnDim],
    ffn_down: [ffnDim, dim],
  };
  const tensors: TestTensor[] = [{ name: 'token_embd.weight', type, shape: [dim, vocabSize] }];
  for (let layer = 0; layer < nLayers; layer++) {
    for (const role of LAYER_ROLES) {
      tensors.push({ name: `blk.${layer}.${role}.weight`, type: role.endsWith('_norm') ? 'F32' : type, shape: shapes[role] });
    }
  }
  tensors.push({ name: 'output_norm.weight', type: 'F32', shape: [dim] });
  if (!tiedHead) tensors.push({ name: 'output.weight', type, shape: [dim, vocabSize] });
  const metadata: Record<string, TestValue> = {
    'general.architecture': { type: 'string', value: 'llama' },
    'general.name': { type: 'string', value: 'tiny' },
    'llama.block_count': { type: 'u32', value: nLayers },
    'llama.context_length': { type: 'u32', value: 128 },
    'llama.embedding_length': { type: 'u32', value: dim },
    'llama.feed_forward_length': { type: 'u32', value: ffnDim },
    'llama.attention.head_count': { type: 'u32', value: nHeads },
    'llama.attention.head_count_kv': { type: 'u32', value: nKvHeads },
    'llama.attention.layer_norm_rms_epsilon': { type: 'f32', value: 1e-5 },
  };
  return { metadata, tensors };
}

function tensorBytes({ type, shape }: TestTensor): number {
  return rowBytes(type, shape[0]!) * shape.slice(1).reduce((product, dimension) => product * dimension, 1);
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function writeValue(out: ByteWriter, value: TestValue): void {
  if (value.type === 'array') {
    out.u32(METADATA_TYPES[value.of]).u64(value.value.length);
    for (const item of value.value) out.scalar(value.of, item);
  } else out.scalar(value.type, value.value);
}

class ByteWriter {
  private readonly parts: number[] = [];

  get length(): number {
    return this.parts.length;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.parts);
  }

  byte(value: number): this {
    this.parts.push(value & 255);
    return this;
  }

  ascii(text: string): this {
    this.parts.push(...new TextEncoder().encode(text));
    return this;
  }

  u32(value: number): this {
    return this.view(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: number | bigint): this {
    return this.view(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  string(text: string): this {
    return this.u64(new TextEncoder().encode(text).length).ascii(text);
  }

  pad(toLength: number): this {
    while (this.length < toLength) this.byte(0);
    return this;
  }

  scalar(type: Exclude<TestValue['type'], 'array'>, value: string | number | bigint | boolean): this {
    const number = Number(value);
    switch (type) {
      case 'string':
        return this.string(String(value));
      case 'u8':
      case 'bool':
        return this.byte(number);
      case 'u16':
        return this.view(2, (view) => view.setUint16(0, number, true));
      case 'u32':
      case 'i32':
        return this.u32(number);
      case 'u64':
      case 'i64':
        return this.u64(BigInt.asUintN(64, BigInt(value)));
      case 'f32':
        return this.view(4, (view) => view.setFloat32(0, number, true));
      case 'f64':
        return this.view(8, (view) => view.setFloat64(0, number, true));
    }
  }

  private view(bytes: number, set: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(bytes));
    set(view);
    for (let i = 0; i < bytes; i++) this.parts.push(view.getUint8(i));
    return this;
  }
}
