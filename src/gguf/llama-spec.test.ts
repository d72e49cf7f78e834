import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../shared/errors.ts';
import { memorySource } from './byte-source.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import { llamaSpec } from './llama-spec.ts';
import { embeddingTensors, headTensors, layerTensors, sliceBytes } from './shard-bytes.ts';
import { type TestGguf, type TestValue, tinyLlama, writeGguf } from './testing/gguf-file.ts';

const headerOf = (gguf: TestGguf): Promise<GgufHeader> => readGgufHeader(memorySource(writeGguf(gguf)));

test('the storyteller model is read as its card describes it', async () => {
  const path = new URL('../../public/models/storyteller-1.7m-q8_0.gguf', import.meta.url);
  const spec = llamaSpec(await readGgufHeader(memorySource(await readFile(path))));
  expect(spec).toMatchObject({
    name: 'storyteller-1.7m',
    architecture: 'llama',
    quantisation: 'Q8_0',
    dim: 128,
    nLayers: 8,
    nHeads: 8,
    nKvHeads: 4,
    headDim: 16,
    ffnDim: 352,
    vocabSize: 2048,
    contextLength: 512,
    ropeTheta: 10000,
    ropeDim: 16,
    tiedHead: true,
  });
  expect(spec.rmsEps).toBeCloseTo(1e-5, 10);
  // Q8_0 takes 34 bytes for 32 weights: q and output 128 x 128, k and v 64 x 128, three feed-forward matrices, two F32 norms.
  const layerBytes = ((2 * 128 * 128 + 2 * 64 * 128 + 3 * 128 * 352) / 32) * 34 + 2 * 128 * 4;
  expect(spec.layerBytes).toEqual(new Array(8).fill(layerBytes));
  expect(spec.embeddingBytes).toBe(((2048 * 128) / 32) * 34);
  expect(spec.headBytes).toBe(spec.embeddingBytes + 128 * 4);
});

test('the name of the format is that of the layers', async () => {
  const path = new URL('../../e2e/fixtures/models/storyteller-1.7m-q4_0.gguf', import.meta.url);
  expect(llamaSpec(await readGgufHeader(memorySource(await readFile(path)))).quantisation).toBe('Q4_0');
});

test('layers, head and embedding together are every byte of the tensors, each once', async () => {
  const header = await headerOf(tinyLlama({ nLayers: 3 }));
  const spec = llamaSpec(header);
  const slices = [0, 1, 2].flatMap((layer) => layerTensors(header, layer)).concat(headTensors(header), embeddingTensors(header));
  const ranges = slices.map(({ start, end }) => `${start}-${end}`).sort();
  const table = [...header.tensors.values()].map(({ offset, byteLength }) => `${offset}-${offset + byteLength}`).sort();
  expect(ranges).toEqual(table);
  expect(sliceBytes(slices)).toBe(spec.layerBytes.reduce((a, b) => a + b) + spec.headBytes + spec.embeddingBytes);
  expect(spec.tiedHead).toBe(false);
});

test('a head tied to the embedding reads the embedding as its output matrix', async () => {
  const header = await headerOf(tinyLlama({ tiedHead: true }));
  const [embedding] = embeddingTensors(header);
  expect(llamaSpec(header).tiedHead).toBe(true);
  expect(headTensors(header)).toContainEqual({ ...embedding, role: 'output' });
});

test('slices come in file order', async () => {
  const gguf = tinyLlama();
  const header = await headerOf({ ...gguf, tensors: gguf.tensors.toReversed() });
  const starts = layerTensors(header, 1).map(({ start }) => start);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
});

test('key-value heads and head length default to those of a model without grouping', async () => {
  const gguf = tinyLlama({ nKvHeads: 4 });
  delete gguf.metadata['llama.attention.head_count_kv'];
  expect(llamaSpec(await headerOf(gguf))).toMatchObject({ nKvHeads: 4, headDim: 16, ropeDim: 16, ropeTheta: 10000 });
});

test('sizes may be listed for each layer, if all have the same', async () => {
  const gguf = tinyLlama({ nKvHeads: 2 });
  const listed = (value: number[]): TestValue => ({ type: 'array', of: 'i32', value });
  const specOf = async (value: number[]) =>
    llamaSpec(await headerOf({ ...gguf, metadata: { ...gguf.metadata, 'llama.attention.head_count_kv': listed(value) } }));
  expect(await specOf([2, 2])).toEqual(llamaSpec(await headerOf(gguf)));
  await expect(specOf([2, 4])).rejects.toMatchObject({
    code: 'architecture-unsupported',
    message: expect.stringContaining("the model's layers differ in llama.attention.head_count_kv"),
  });
});

describe('scaled RoPE', () => {
  const factor = (value: number): TestValue => ({ type: 'f32', value });
  const type = (value: string): TestValue => ({ type: 'string', value });
  const specWith = async (metadata: Record<string, TestValue>, ropeFreqs: number[] = []) => {
    const gguf = tinyLlama();
    const tensors: TestGguf['tensors'] = [...gguf.tensors];
    if (ropeFreqs.length > 0) tensors.push({ name: 'rope_freqs.weight', type: 'F32', shape: [8], values: ropeFreqs });
    return llamaSpec(await headerOf({ metadata: { ...gguf.metadata, ...metadata }, tensors }));
  };

  test('linearly has one factor for all pairs, whether or not the file names it', async () => {
    const key = 'llama.rope.scaling.factor';
    expect((await specWith({ [key]: factor(4) })).ropeFactors).toEqual(Array(8).fill(4));
    expect((await specWith({ [key]: factor(4), 'llama.rope.scaling.type': type('linear') })).ropeFactors).toEqual(
      Array(8).fill(4),
    );
    expect((await specWith({ 'llama.rope.scale_linear': factor(2) })).ropeFactors).toEqual(Array(8).fill(2));
  });

  test('is plain when the file says none, or no factor', async () => {
    expect(await specWith({})).not.toHaveProperty('ropeFactors');
    expect(
      await specWith({ 'llama.rope.scaling.type': type('none'), 'llama.rope.scaling.factor': factor(4) }),
    ).not.toHaveProperty('ropeFactors');
    expect(await specWith({ 'llama.rope.scaling.factor': factor(0) })).not.toHaveProperty('ropeFactors');
  });

  test('as in Llama 3 has a factor for each pair in a tensor', async () => {
    const factors = [1, 1, 1, 1.5, 2.5, 8, 8, 8];
    expect((await specWith({}, factors)).ropeFactors).toEqual(factors);
  });
});

describe('what the engines would compute wrongly is refused', () => {
  const u32 = (value: number): TestValue => ({ type: 'u32', value });
  const text = (value: string): TestValue => ({ type: 'string', value });

  test.each<[string, ErrorCode, Record<string, TestValue>]>([
    ['another architecture', 'architecture-unsupported', { 'general.architecture': text('qwen2') }],
    ['experts', 'architecture-unsupported', { 'llama.expert_count': u32(8) }],
    ['scaled RoPE', 'architecture-unsupported', { 'llama.rope.scaling.type': text('yarn') }],
    ['a negative RoPE factor', 'model-malformed', { 'llama.rope.scaling.factor': { type: 'f32', value: -4 } }],
    ['a sliding window', 'architecture-unsupported', { 'llama.attention.sliding_window': u32(4096) }],
    ['values of another length than keys', 'architecture-unsupported', { 'llama.attention.value_length': u32(8) }],
    ['a width that the tensors do not have', 'model-malformed', { 'llama.embedding_length': u32(128) }],
    ['more layers than tensors', 'model-malformed', { 'llama.block_count': u32(3) }],
    ['heads that do not divide', 'model-malformed', { 'llama.attention.head_count_kv': u32(3) }],
    ['no heads', 'model-malformed', { 'llama.attention.head_count': u32(0) }],
    ['an odd RoPE', 'model-malformed', { 'llama.rope.dimension_count': u32(7) }],
    ['a RoPE longer than a head', 'model-malformed', { 'llama.rope.dimension_count': u32(32) }],
    ['a width in words', 'model-malformed', { 'llama.embedding_length': text('64') }],
    ['an epsilon of zero', 'model-malformed', { 'llama.attention.layer_norm_rms_epsilon': { type: 'f32', value: 0 } }],
  ])('%s', async (_, code, metadata) => {
    const gguf = tinyLlama();
    const header = await headerOf({ ...gguf, metadata: { ...gguf.metadata, ...metadata } });
    expect(() => llamaSpec(header)).toThrow(expect.objectContaining({ code }));
  });

  test.each<[string, TestValue]>([
    ['caps its attention scores (llama.attn_logit_softcapping is 50)', { type: 'f32', value: 50 }],
    ['caps its logits (llama.final_logit_softcapping is 30)', { type: 'f32', value: 30 }],
    ['lets tokens see those after them (llama.attention.causal is false)', { type: 'bool', value: false }],
    ['scales its attention scores in its own way (llama.attention.scale is 0.25)', { type: 'f32', value: 0.25 }],
    ['scales what RoPE turns (llama.rope.scaling.attn_factor is 1.5)', { type: 'f32', value: 1.5 }],
    ['scales its logits (llama.logit_scale is 8)', { type: 'f32', value: 8 }],
  ])('a model that %s', async (message, value) => {
    const key = /llama\.[a-z_.]+/.exec(message)![0];
    const gguf = tinyLlama();
    const header = await headerOf({ ...gguf, metadata: { ...gguf.metadata, [key]: value } });
    expect(() => llamaSpec(header)).toThrow(
      expect.objectContaining({ code: 'architecture-unsupported', message: expect.stringContaining(`the model ${message}`) }),
    );
  });

  test('but not a file that says in so many words that it is plain', async () => {
    const gguf = tinyLlama();
    const off: TestValue = { type: 'f32', value: 0 };
    const plain: Record<string, TestValue> = {
      'llama.final_logit_softcapping': off,
      'llama.attention.scale': off,
      'llama.attention.causal': { type: 'bool', value: true },
      'llama.rope.scaling.attn_factor': { type: 'f32', value: 1 },
      'llama.expert_count': u32(0),
      'llama.attention.sliding_window': u32(0),
    };
    expect(llamaSpec(await headerOf({ ...gguf, metadata: { ...gguf.metadata, ...plain } }))).toEqual(
      llamaSpec(await headerOf(gguf)),
    );
  });

  test('fewer layers than tensors', async () => {
    const gguf = tinyLlama();
    const header = await headerOf({ ...gguf, metadata: { ...gguf.metadata, 'llama.block_count': u32(1) } });
    expect(() => llamaSpec(header)).toThrow('the model has the tensor blk.1.');
  });

  test('factors for other pairs than RoPE has', async () => {
    const gguf = tinyLlama();
    const tensors = [...gguf.tensors, { name: 'rope_freqs.weight', type: 'F32' as const, shape: [64] }];
    const header = await headerOf({ ...gguf, tensors });
    expect(() => llamaSpec(header)).toThrow('rope_freqs.weight has 64 values, RoPE turns 8 pairs');
  });

  test.each(['blk.0.attn_q.bias', 'rope_factors_long.weight', 'blk.0.ffn_gate_inp.weight'])('%s', async (name) => {
    const gguf = tinyLlama();
    const header = await headerOf({ ...gguf, tensors: [...gguf.tensors, { name, type: 'F32', shape: [64] }] });
    expect(() => llamaSpec(header)).toThrow(expect.objectContaining({ code: 'architecture-unsupported' }));
  });

  test.each(['general.architecture', 'llama.block_count', 'llama.context_length'])('a file without %s', async (key) => {
    const gguf = tinyLlama();
    delete gguf.metadata[key];
    const header = await headerOf(gguf);
    expect(() => llamaSpec(header)).toThrow(`the file's metadata lacks ${key}`);
  });

  test('a file without one of the tensors', async () => {
    const gguf = tinyLlama();
    const header = await headerOf({ ...gguf, tensors: gguf.tensors.filter(({ name }) => name !== 'blk.1.ffn_up.weight') });
    expect(() => llamaSpec(header)).toThrow('the file lacks the tensor blk.1.ffn_up.weight');
  });

  test('norms that are not F32', async () => {
    const gguf = tinyLlama();
    const tensors = gguf.tensors.map((t) => (t.name === 'output_norm.weight' ? { ...t, type: 'F16' as const } : t));
    const header = await headerOf({ ...gguf, tensors });
    expect(() => llamaSpec(header)).toThrow(expect.objectContaining({ code: 'quantisation-unsupported' }));
  });
});
