import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { GgufHeader } from '../gguf/header.ts';
import { Metadata, type MetadataValue } from '../gguf/metadata.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

interface BpeFixture {
  tokens: string[];
  types: number[];
  merges: string[];
  texts: string[];
  results: { pre: string; cases: { ids: number[]; ids_special: number[] }[] }[];
}

const file = await readFile(new URL('../../e2e/fixtures/bpe.json', import.meta.url), 'utf8');
const { tokens, types, merges, texts, results } = JSON.parse(file) as BpeFixture;

function tokenizerWith(pre: string, changes: Record<string, MetadataValue> = {}): Tokenizer {
  const values: Record<string, MetadataValue> = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': merges,
    'tokenizer.ggml.bos_token_id': tokens.indexOf('<|begin_of_text|>'),
    'tokenizer.ggml.eos_token_id': tokens.indexOf('<|eot_id|>'),
    ...changes,
  };
  const header: Pick<GgufHeader, 'metadata' | 'tensors'> = {
    metadata: new Metadata(new Map(Object.entries(values))),
    tensors: new Map(),
  };
  return createTokenizer(header as GgufHeader);
}

describe.each(results)('a vocabulary whose words are cut as $pre', ({ pre, cases }) => {
  const tokenizer = tokenizerWith(pre);

  test.each(texts.map((text, i) => ({ text, ...cases[i]! })))(
    'gives $text the ids of llama.cpp',
    ({ text, ids, ids_special }) => {
      expect(tokenizer.encode(text, { addBos: false, parseSpecial: false })).toEqual(ids);
      expect(tokenizer.encode(text, { addBos: false, parseSpecial: true })).toEqual(ids_special);
    },
  );

  test.each(texts)('gives %s back', (text) => {
    const decoder = new StreamDecoder(tokenizer);
    const ids = tokenizer.encode(text, { addBos: false, parseSpecial: false });
    expect(ids.map((id) => decoder.push(id)).join('') + decoder.end()).toBe(text);
  });
});

test('only vocabularies of Llama 3 begin sequences by themselves', () => {
  expect(results.map(({ pre }) => [pre, tokenizerWith(pre).addBos])).toEqual([
    ['gpt-2', false],
    ['llama-bpe', true],
    ['smollm', false],
    ['tekken', false],
  ]);
  expect(tokenizerWith('llama-bpe', { 'tokenizer.ggml.add_bos_token': false }).addBos).toBe(false);
});

test.each(['llama3', 'llama-v3', 'falcon3', 'pixtral'])('%s is another name for how Llama 3 cuts words', (pre) => {
  const [named, llama3] = [tokenizerWith(pre), tokenizerWith('llama-bpe')];
  const idsOf = (tokenizer: Tokenizer) => texts.map((text) => tokenizer.encode(text, { addBos: false, parseSpecial: true }));
  expect(idsOf(named)).toEqual(idsOf(llama3));
  expect(named.addBos).toBe(true);
});

test('an answer ends with the end of the turn', () => {
  const tokenizer = tokenizerWith('llama-bpe');
  const ends = ['<|eot_id|>', '<|end_of_text|>', '<|begin_of_text|>'].map((text) => tokens.indexOf(text));
  expect(ends.map((id) => tokenizer.isEndOfGeneration(id))).toEqual([true, true, false]);
});

test('a long word is merged in less than quadratic time', () => {
  const tokenizer = tokenizerWith('llama-bpe');
  const ids = tokenizer.encode('the'.repeat(40_000), { addBos: false, parseSpecial: false });
  expect(ids.length).toBeLessThanOrEqual(120_000);
});

test('another way of cutting words is refused by name', () => {
  const refused = expect.objectContaining({ code: 'tokenizer-unsupported', message: expect.stringContaining('"qwen2"') });
  expect(() => tokenizerWith('qwen2')).toThrow(refused);
});

test('a file without merges is malformed', () => {
  expect(() => tokenizerWith('llama-bpe', { 'tokenizer.ggml.merges': 7 })).toThrow(
    'tokenizer.ggml.merges must be a list of texts',
  );
});
