import { METADATA_TYPES } from '../../src/gguf/metadata.ts';
import { BLOCK_FORMATS, type QuantType } from '../../src/gguf/quant.ts';

export type HeaderValue =
  | { type: 'u32' | 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'f32s' | 'i32s'; value: readonly number[] };

export interface HeaderTensor {
  name: string;
  type: QuantType;
  /** Fastest dimension first. */
  shape: readonly number[];
  /** From the start of the tensor data, bytes. */
  dataOffset: number;
}

export const ALIGNMENT = 32;

export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** The beginning of a GGUF file, version 3 (GGUF specification), padded to where its tensor data begins. */
export function writeHeader(metadata: Record<string, HeaderValue>, tensors: readonly HeaderTensor[]): Uint8Array {
  const out = new ByteList();
  out.raw('GGUF').u32(3).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeValue(out.string(key), value);
  for (const { name, type, shape, dataOffset } of tensors) {
    out.string(name).u32(shape.length);
    for (const dimension of shape) out.u64(dimension);
    out.u32(BLOCK_FORMATS[type].ggmlType).u64(dataOffset);
  }
  return out.padded();
}

function writeValue(out: ByteList, value: HeaderValue): void {
  switch (value.type) {
    case 'u32':
      out.u32(METADATA_TYPES.u32).u32(value.value);
      break;
    case 'f32':
      out.u32(METADATA_TYPES.f32).numbers(Float32Array.of(value.value));
      break;
    case 'bool':
      out.u32(METADATA_TYPES.bool).numbers(Uint8Array.of(value.value ? 1 : 0));
      break;
    case 'string':
      out.u32(METADATA_TYPES.string).string(value.value);
      break;
    case 'strings':
      out.u32(METADATA_TYPES.array).u32(METADATA_TYPES.string).u64(value.value.length);
      for (const text of value.value) out.string(text);
      break;
    case 'f32s':
      out.u32(METADATA_TYPES.array).u32(METADATA_TYPES.f32).u64(value.value.length).numbers(Float32Array.from(value.value));
      break;
    case 'i32s':
      out.u32(METADATA_TYPES.array).u32(METADATA_TYPES.i32).u64(value.value.length).numbers(Int32Array.from(value.value));
      break;
  }
}

const utf8 = new TextEncoder();

class ByteList {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  raw(text: string): this {
    return this.push(utf8.encode(text));
  }

  string(text: string): this {
    const bytes = utf8.encode(text);
    return this.u64(bytes.length).push(bytes);
  }

  u32(value: number): this {
    return this.numbers(Uint32Array.of(value));
  }

  u64(value: number): this {
    return this.numbers(BigUint64Array.of(BigInt(value)));
  }

  numbers({ buffer, byteOffset, byteLength }: ArrayBufferView): this {
    return this.push(new Uint8Array(buffer, byteOffset, byteLength));
  }

  padded(): Uint8Array {
    const bytes = new Uint8Array(aligned(this.length));
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  private push(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.length += bytes.length;
    return this;
  }
}
