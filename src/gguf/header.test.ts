import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError, type ErrorCode } from '../shared/errors.ts';
import { type ByteSource, memorySource } from './byte-source.ts';
import { readGgufHeader } from './header.ts';
import { llamaSpec } from './llama-spec.ts';
import { type TestTensor, tinyLlama, writeGguf } from './testing/gguf-file.ts';

const whole = writeGguf(tinyLlama());

async function codeOf(bytes: Uint8Array): Promise<ErrorCode | 'fine'> {
  try {
    llamaSpec(await readGgufHeader(memorySource(bytes)));
    return 'fine';
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown.code;
    throw thrown;
  }
}

test('metadata of every type arrives as written', async () => {
  const bytes = writeGguf({
    metadata: {
      small: { type: 'u8', value: 200 },
      negative: { type: 'i32', value: -7 },
      float: { type: 'f64', value: Math.PI },
      long: { type: 'u64', value: 2n ** 40n },
      tooLong: { type: 'u64', value: 2n ** 63n },
      minus: { type: 'i64', value: -3n },
      yes: { type: 'bool', value: true },
      text: { type: 'string', value: '\ufeffkäse 🧀' },
      texts: { type: 'array', of: 'string', value: ['a', '', 'ç'] },
      numbers: { type: 'array', of: 'f32', value: [0.5, -2] },
    },
    tensors: [],
  });
  const { metadata } = await readGgufHeader(memorySource(bytes));
  expect(metadata.count('small')).toBe(200);
  expect(metadata.number('negative')).toBe(-7);
  expect(metadata.number('float')).toBe(Math.PI);
  expect(metadata.count('long')).toBe(2 ** 40);
  expect(metadata.get('tooLong')).toBe(2n ** 63n);
  expect(metadata.number('minus')).toBe(-3);
  expect(metadata.flag('yes')).toBe(true);
  expect(metadata.text('text')).toBe('\ufeffkäse 🧀');
  expect(metadata.texts('texts')).toEqual(['a', '', 'ç']);
  expect(metadata.numbers('numbers')).toEqual([0.5, -2]);
  expect(metadata.text('absent')).toBeUndefined();
  expect(() => metadata.count('negative')).toThrow('must be a whole number, got -7');
  expect(() => metadata.text('texts')).toThrow('must be a text, got a list of 3');
});

test('tensors lie aligned, one after the other, up to the end of the file', async () => {
  const { tensors } = await readGgufHeader(memorySource(whole));
  const inOrder = [...tensors.values()];
  expect(inOrder).toHaveLength(21);
  for (const [i, tensor] of inOrder.entries()) {
    expect(tensor.offset % 32).toBe(0);
    expect(tensor.offset + tensor.byteLength).toBeLessThanOrEqual(inOrder[i + 1]?.offset ?? whole.length);
  }
  expect(tensors.get('blk.0.attn_k.weight')).toMatchObject({ type: 'Q8_0', shape: [64, 32], byteLength: 32 * 2 * 34 });
});

test('version 2 is read as version 3', async () => {
  expect(await codeOf(writeGguf({ ...tinyLlama(), version: 2 }))).toBe('fine');
  expect(await codeOf(writeGguf({ ...tinyLlama(), version: 1 }))).toBe('model-malformed');
  const bigEndian = readGgufHeader(memorySource(writeGguf({ ...tinyLlama(), version: 0x03000000 })));
  await expect(bigEndian).rejects.toMatchObject({ code: 'model-malformed', message: /^a big-endian file; .* little-endian/ });
});

test.each([
  ['IQ4_XS', 23],
  ['Q4_0_4_4', 31],
  ['MXFP4', 39],
  ['ggml type 4711', 4711],
])('a file in %s is refused with that name, and with the formats that are supported', async (name, ggmlType) => {
  const header = await readGgufHeader(memorySource(withTensor({ ggmlType })));
  expect(() => llamaSpec(header)).toThrow(`1 tensors are in the formats ${name}; supported are F32, F16`);
});

test('a header larger than the first read is fetched in few, growing reads and nothing after it is', async () => {
  const tokens = Array.from({ length: 50_000 }, (_, i) => `token number ${i}`);
  const gguf = tinyLlama({ vocabSize: 8000 });
  const bytes = writeGguf({
    ...gguf,
    metadata: { ...gguf.metadata, 'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: tokens } },
  });
  const reads: [number, number][] = [];
  const source = memorySource(bytes);
  const header = await readGgufHeader({
    ...source,
    read: (start, end) => {
      reads.push([start, end]);
      return source.read(start, end);
    },
  });
  expect(header.metadata.texts('tokenizer.ggml.tokens')).toEqual(tokens);
  expect(reads.length).toBeLessThanOrEqual(4);
  for (const [i, [start]] of reads.entries()) expect(start).toBe(reads[i - 1]?.[1] ?? 0);
  const headerBytes = Math.min(...[...header.tensors.values()].map(({ offset }) => offset));
  expect(reads.at(-1)![1]).toBeLessThan(2 * headerBytes);
});

test('a header that claims to be endless is refused before it is read', async () => {
  const claimed = writeGguf({ metadata: { text: { type: 'string', value: 'x' } }, tensors: [] });
  const lengthAt = 4 + 4 + 8 + 8 + 8 + 'text'.length + 4;
  new DataView(claimed.buffer).setBigUint64(lengthAt, 2n ** 31n, true);
  let readBytes = 0;
  const source: ByteSource = {
    url: 'test:',
    size: 2 ** 40,
    read: async (start, end) => {
      readBytes += end - start;
      const bytes = new Uint8Array(end - start);
      bytes.set(claimed.subarray(start, end));
      return bytes;
    },
  };
  await expect(readGgufHeader(source)).rejects.toMatchObject({ code: 'model-malformed' });
  expect(readBytes).toBe(256 * 1024);
});

test.each<[string, ErrorCode, Uint8Array]>([
  ['an empty file', 'not-gguf', new Uint8Array(0)],
  ['a web page', 'not-gguf', new TextEncoder().encode('<!doctype html><title>404</title>')],
  ['a file that ends after the magic', 'model-truncated', whole.subarray(0, 4)],
  ['a file that ends in the metadata', 'model-truncated', whole.subarray(0, 100)],
  ['a file that ends in the last tensor', 'model-truncated', whole.subarray(0, whole.length - 40)],
  ['an offset off the alignment', 'model-malformed', withTensor({ dataOffset: 8 })],
  ['an offset beyond the file', 'model-truncated', withTensor({ dataOffset: 2 ** 40 })],
  ['a shape beyond all numbers', 'model-malformed', withTensor({ shape: [2 ** 40, 2 ** 40] })],
  ['a shape beyond the file', 'model-truncated', withTensor({ shape: [64, 2 ** 30] })],
  ['a row of half a block', 'model-malformed', withTensor({ shape: [48, 2] })],
  ['an empty dimension', 'model-malformed', withTensor({ shape: [64, 0] })],
  ['five dimensions', 'model-malformed', withTensor({ shape: [64, 1, 1, 1, 1] })],
  ['a tensor twice', 'model-malformed', withTensor({ name: 'output_norm.weight' })],
  ['a format with tables', 'quantisation-unsupported', withTensor({ ggmlType: 20 })],
  ['a format of the future', 'quantisation-unsupported', withTensor({ ggmlType: 4711 })],
  ['an odd alignment', 'model-malformed', withAlignment(24)],
])('%s is %s', async (_, code, bytes) => {
  expect(await codeOf(bytes)).toBe(code);
});

function withTensor(lie: NonNullable<TestTensor['lie']>): Uint8Array {
  const { metadata, tensors } = tinyLlama();
  return writeGguf({
    metadata,
    tensors: tensors.map((tensor) => (tensor.name === 'blk.1.attn_q.weight' ? { ...tensor, lie } : tensor)),
  });
}

function withAlignment(value: number): Uint8Array {
  const gguf = tinyLlama();
  return writeGguf({ ...gguf, metadata: { ...gguf.metadata, 'general.alignment': { type: 'u32', value } } });
}

/** Serves a file and counts what is asked of it. */
function countingSource(bytes: Uint8Array): ByteSource & { readBytes: number } {
  const source = memorySource(bytes);
  const counting = {
    ...source,
    readBytes: 0,
    read: (start: number, end: number) => {
      counting.readBytes += end - start;
      return source.read(start, end);
    },
  };
  return counting;
}

test('a file corrupted anywhere is either read or refused with an AppError, within its own bytes', async () => {
  const headerBytes = 2048;
  const corruption = fc.record({
    at: fc.nat(headerBytes),
    bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.constant(new Uint8Array(8).fill(255))),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(corruption, { maxLength: 4 }), fc.nat(whole.length), async (corruptions, cut) => {
      const bytes = whole.slice(0, whole.length - (cut % 3 === 0 ? cut : 0));
      for (const { at, bytes: noise } of corruptions)
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
      const source = countingSource(bytes);
      await readGgufHeader(source)
        .then(llamaSpec)
        .catch((thrown) => expect(thrown).toBeInstanceOf(AppError));
      expect(source.readBytes).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 1000 },
  );
});
