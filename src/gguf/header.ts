import { AppError } from '../shared/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { ByteCursor, NeedMoreBytes } from './bytes.ts';
import { Metadata, type MetadataValue, readMetadataValue } from './metadata.ts';
import { BLOCK_FORMATS, dequantize, QUANT_TYPES, type QuantType, rowBytes } from './quant.ts';

/** One entry of the tensor table, checked to lie inside the file. */
export interface TensorInfo {
  name: string;
  type: QuantType;
  /** Fastest dimension first, as GGUF has it: a matrix is (columns, rows). */
  shape: number[];
  /** Of the first byte, from the start of the file. */
  offset: number;
  byteLength: number;
}

/** The part of a GGUF file before its tensor data. */
export interface GgufHeader {
  version: number;
  metadata: Metadata;
  tensors: ReadonlyMap<string, TensorInfo>;
  /** Tensors in formats that no engine here runs; their sizes are unknown. */
  unsupported: { name: string; format: string }[];
  fileBytes: number;
  /** Values of the tensor `rope_freqs.weight`, where there is one: few, and part of what the model computes. */
  ropeFactors: Float32Array | null;
}

const MAGIC = 0x46554747; // "GGUF", little-endian
const FIRST_READ_BYTES = 256 * 1024;
/** A vocabulary of 128k tokens with merges takes about 8 MB; a header that is much larger is no header. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;
const MAX_ROPE_BYTES = 2048;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 65536;
const MAX_DIMENSIONS = 4;
/** Key length, value type, one byte of value. */
const MINIMUM_PAIR_BYTES = 8 + 4 + 1;
/** Name length, dimension count, type, offset. */
const MINIMUM_TENSOR_BYTES = 8 + 4 + 4 + 8;

/** Formats of ggml.h that files have and nothing here runs, for messages. */
const OTHER_FORMATS: Record<number, string> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  29: 'IQ1_M',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  34: 'TQ1_0',
  35: 'TQ2_0',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
};

/**
 * Reads metadata and tensor table of a GGUF file, version 2 or 3 (GGUF specification, ggml repository), fetching only as
 * much of the file's beginning as they take.
 *
 * @throws AppError not-gguf, model-malformed, model-truncated, and what the source throws
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  let bytes = await source.read(0, Math.min(source.size, FIRST_READ_BYTES));
  for (;;) {
    const header = parseIfWhole(bytes, source.size);
    if (typeof header !== 'number') return { ...header, ropeFactors: await readRopeFactors(source, header) };
    if (header > MAX_HEADER_BYTES) {
      throw new AppError(
        'model-malformed',
        `the header of ${source.url} takes over ${header} bytes, allowed are ${MAX_HEADER_BYTES}`,
      );
    }
    bytes = await grow(source, bytes, Math.min(source.size, MAX_HEADER_BYTES, Math.max(header, 2 * bytes.length)));
  }
}

async function readRopeFactors(source: ByteSource, { tensors }: ParsedHeader): Promise<Float32Array | null> {
  const tensor = tensors.get('rope_freqs.weight');
  if (!tensor) return null;
  const { type, byteLength, offset } = tensor;
  if (type !== 'F32' || byteLength > MAX_ROPE_BYTES) {
    throw new AppError(
      'model-malformed',
      `rope_freqs.weight has ${byteLength} bytes of ${type}, allowed are ${MAX_ROPE_BYTES} of F32`,
    );
  }
  const factors = new Float32Array(byteLength / 4);
  dequantize(type, await source.read(offset, offset + byteLength), 0, factors.length, factors);
  return factors;
}

async function grow(source: ByteSource, bytes: Uint8Array, toBytes: number): Promise<Uint8Array> {
  const more = await source.read(bytes.length, toBytes);
  const grown = new Uint8Array(toBytes);
  grown.set(bytes);
  grown.set(more, bytes.length);
  return grown;
}

type ParsedHeader = Omit<GgufHeader, 'ropeFactors'>;

/** The header, or how many bytes of the file are needed at least to go on. */
function parseIfWhole(bytes: Uint8Array, fileBytes: number): ParsedHeader | number {
  try {
    return parseGgufHeader(new ByteCursor(bytes, fileBytes), fileBytes);
  } catch (thrown) {
    if (thrown instanceof NeedMoreBytes) return thrown.neededBytes;
    throw thrown;
  }
}

function parseGgufHeader(cursor: ByteCursor, fileBytes: number): ParsedHeader {
  const version = readVersion(cursor, fileBytes);
  const tensorCount = cursor.count('the number of tensors', MINIMUM_TENSOR_BYTES);
  const pairCount = cursor.count('the number of metadata pairs', MINIMUM_PAIR_BYTES);
  const metadata = readMetadata(cursor, pairCount);
  const alignment = readAlignment(metadata);
  const entries = readTensorTable(cursor, tensorCount);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;

  const tensors = new Map<string, TensorInfo>();
  const unsupported: GgufHeader['unsupported'] = [];
  for (const entry of entries) {
    const type = QUANT_TYPES.find((name) => BLOCK_FORMATS[name].ggmlType === entry.ggmlType);
    if (type) tensors.set(entry.name, placeTensor(entry, type, alignment, dataStart, fileBytes));
    else unsupported.push({ name: entry.name, format: OTHER_FORMATS[entry.ggmlType] ?? `ggml type ${entry.ggmlType}` });
  }
  return { version, metadata, tensors, unsupported, fileBytes };
}

function readVersion(cursor: ByteCursor, fileBytes: number): number {
  if (fileBytes < 4 || cursor.u32() !== MAGIC) throw new AppError('not-gguf', 'the file does not begin with "GGUF"');
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  // No file has so many versions: the bytes of a small number, the other way round.
  const got = version % 65_536 === 0 ? 'a big-endian file' : `GGUF version ${version}`;
  throw new AppError('model-malformed', `${got}; versions 2 and 3, little-endian, are read`);
}

function readMetadata(cursor: ByteCursor, count: number): Metadata {
  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.string('a metadata key');
    if (values.has(key)) throw new AppError('model-malformed', `the metadata key ${key} appears twice`);
    values.set(key, readMetadataValue(cursor, cursor.u32(), key));
  }
  return new Metadata(values);
}

function readAlignment(metadata: Metadata): number {
  const alignment = metadata.count('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPowerOfTwo = Number.isInteger(Math.log2(alignment));
  if (isPowerOfTwo && alignment <= MAX_ALIGNMENT) return alignment;
  throw new AppError('model-malformed', `general.alignment is ${alignment}; allowed are powers of two up to ${MAX_ALIGNMENT}`);
}

interface TableEntry {
  name: string;
  shape: number[];
  ggmlType: number;
  /** From the start of the tensor data. */
  dataOffset: number;
}

function readTensorTable(cursor: ByteCursor, count: number): TableEntry[] {
  const names = new Set<string>();
  const entries: TableEntry[] = [];
  for (let i = 0; i < count; i++) {
    const name = cursor.string('a tensor name');
    if (names.has(name)) throw new AppError('model-malformed', `the tensor ${name} appears twice`);
    names.add(name);
    entries.push({
      name,
      shape: readShape(cursor, name),
      ggmlType: cursor.u32(),
      dataOffset: cursor.u64(`the offset of ${name}`),
    });
  }
  return entries;
}

function readShape(cursor: ByteCursor, name: string): number[] {
  const dimensions = cursor.u32();
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw new AppError('model-malformed', `${name} has ${dimensions} dimensions; allowed are 1 to ${MAX_DIMENSIONS}`);
  }
  const shape = Array.from({ length: dimensions }, () => cursor.u64(`a dimension of ${name}`));
  const values = shape.reduce((product, dimension) => product * dimension, 1);
  if (values < 1 || !Number.isSafeInteger(values))
    throw new AppError('model-malformed', `${name} has the shape ${shape.join(' x ')}`);
  return shape;
}

function placeTensor(entry: TableEntry, type: QuantType, alignment: number, dataStart: number, fileBytes: number): TensorInfo {
  const { name, shape, dataOffset } = entry;
  if (dataOffset % alignment !== 0) {
    throw new AppError(
      'model-malformed',
      `${name} begins at ${dataOffset}, which is not a multiple of the alignment ${alignment}`,
    );
  }
  const rows = shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  const byteLength = rows * rowBytes(type, shape[0]!);
  const offset = dataStart + dataOffset;
  // Written so that no sum can leave the exact integers.
  if (offset > fileBytes || byteLength > fileBytes - offset) {
    throw new AppError('model-truncated', `${name} takes bytes ${offset} to ${offset + byteLength}, the file has ${fileBytes}`);
  }
  return { name, type, shape, offset, byteLength };
}
