import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { memorySource } from '../gguf/byte-source.ts';
import { readGgufHeader } from '../gguf/header.ts';
import { type TestValue, tinyLlama, writeGguf } from '../gguf/testing/gguf-file.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

const fromRoot = (path: string) => readFile(new URL(`../../${path}`, import.meta.url));
const readJson = async <T>(path: string): Promise<T> => JSON.parse((await fromRoot(path)).toString()) as T;

const storyteller = createTokenizer(
  await readGgufHeader(memorySource(await fromRoot('public/models/storyteller-1.7m-q8_0.gguf'))),
);

interface Oracle {
  results: { file: string; prompts: { prompt: string; prompt_ids: number[] }[] }[];
}
interface TokenizerFixture {
  cases: { text: string; ids: number[]; ids_special: number[] }[];
}
const oracle = await readJson<Oracle>('e2e/fixtures/oracle.json');
const fixture = await readJson<TokenizerFixture>('e2e/fixtures/tokenizer.json');

test.each(oracle.results[0]!.prompts)('the prompt "$prompt" has the ids that llama.cpp gives it', ({ prompt, prompt_ids }) => {
  expect(storyteller.encode(prompt, { addBos: true, parseSpecial: false })).toEqual(prompt_ids);
});

test.each(fixture.cases)('$text has the ids that llama.cpp gives it', ({ text, ids, ids_special }) => {
  expect(storyteller.encode(text, { addBos: false, parseSpecial: false })).toEqual(ids);
  expect(storyteller.encode(text, { addBos: false, parseSpecial: true })).toEqual(ids_special);
});

test('the storyteller ends its answers with </s>', () => {
  expect([storyteller.bosId, storyteller.eosId, storyteller.vocabSize]).toEqual([1, 2, 2048]);
  expect([1, 2, 261].map((id) => storyteller.isEndOfGeneration(id))).toEqual([false, true, false]);
});

test('half a surrogate pair is encoded like U+FFFD', () => {
  const options = { addBos: false, parseSpecial: false };
  expect(storyteller.encode('a\ud83db', options)).toEqual(storyteller.encode('a\ufffdb', options));
});

test('an id outside the vocabulary is refused', () => {
  expect(() => storyteller.tokenBytes(2048)).toThrow('token 2048 is not in the vocabulary of 2048');
});

const TOKENS: [text: string, score: number, type: number][] = [
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 3],
  ['<0x41>', 0, 6],
  ['▁', -9, 1],
  ['h', -9, 1],
  ['i', -9, 1],
  ['▁hi', -1, 1],
  ['hi', -2, 1],
  ['<think>', 0, 4],
  ['<|im_end|>', 0, 3],
  ['</', -3, 1],
  ['s>', -3, 1],
];

async function smallTokenizer(changes: Record<string, TestValue> = {}): Promise<Tokenizer> {
  const gguf = tinyLlama();
  const metadata: Record<string, TestValue> = {
    ...gguf.metadata,
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: TOKENS.map(([text]) => text) },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: TOKENS.map(([, score]) => score) },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: TOKENS.map(([, , type]) => type) },
    ...changes,
  };
  return createTokenizer(await readGgufHeader(memorySource(writeGguf({ ...gguf, metadata }))));
}

test('user-defined tokens are found in every text, control tokens only where they may be spelled', async () => {
  const tokenizer = await smallTokenizer();
  expect(tokenizer.encode('hi<think>hi', { addBos: false, parseSpecial: false })).toEqual([7, 9, 7]);
  expect(tokenizer.encode('</s>', { addBos: false, parseSpecial: true })).toEqual([2]);
});

test('ordinary text never merges into a control token or a byte', async () => {
  const tokenizer = await smallTokenizer();
  expect(tokenizer.encode('</s>', { addBos: false, parseSpecial: false })).toEqual([4, 11, 12]);
  expect(tokenizer.encode('<0x41>', { addBos: false, parseSpecial: false })).not.toContain(3);
});

test('a character without a token becomes its bytes, and bytes without a token the unknown token', async () => {
  const tokenizer = await smallTokenizer();
  expect(tokenizer.encode('A', { addBos: true, parseSpecial: false })).toEqual([1, 4, 3]);
  expect(tokenizer.encode('é', { addBos: false, parseSpecial: false })).toEqual([4, 0, 0]);
});

test('files may switch off the space before a text', async () => {
  const tokenizer = await smallTokenizer({ 'tokenizer.ggml.add_space_prefix': { type: 'bool', value: false } });
  expect(tokenizer.encode('hi', { addBos: false, parseSpecial: false })).toEqual([8]);
});

test('the ends of turns of known chat formats end an answer', async () => {
  const tokenizer = await smallTokenizer({ 'tokenizer.ggml.eot_token_id': { type: 'u32', value: 9 } });
  const ends = TOKENS.flatMap((_, id) => (tokenizer.isEndOfGeneration(id) ? [id] : []));
  expect(ends).toEqual([2, 9, 10]);
});

const texts = (count: number): TestValue => ({
  type: 'array',
  of: 'string',
  value: Array.from({ length: count }, (_, i) => `t${i}`),
});

test.each<[string, string, Record<string, TestValue>]>([
  ['another kind', 'tokenizer-unsupported', { 'tokenizer.ggml.model': { type: 'string', value: 'gpt2' } }],
  ['no tokens', 'tokenizer-unsupported', { 'tokenizer.ggml.tokens': texts(0) }],
  ['fewer tokens than scores', 'model-malformed', { 'tokenizer.ggml.tokens': texts(3) }],
  ['an end outside the list', 'model-malformed', { 'tokenizer.ggml.eos_token_id': { type: 'u32', value: 99 } }],
  [
    'more tokens than embeddings',
    'model-malformed',
    {
      'tokenizer.ggml.tokens': texts(41),
      'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: new Array(41).fill(0) },
      'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: new Array(41).fill(1) },
    },
  ],
])('a tokenizer with %s is %s', async (_, code, changes) => {
  await expect(smallTokenizer(changes)).rejects.toMatchObject({ code });
});
