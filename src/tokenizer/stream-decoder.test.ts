import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memorySource } from '../gguf/byte-source.ts';
import { readGgufHeader } from '../gguf/header.ts';
import { StreamDecoder, type StreamDecoderOptions } from './stream-decoder.ts';
import { createTokenizer } from './tokenizer.ts';

const fromRoot = (path: string) => readFile(new URL(`../../${path}`, import.meta.url));
const tokenizer = createTokenizer(await readGgufHeader(memorySource(await fromRoot('public/models/storyteller-1.7m-q8_0.gguf'))));

interface Oracle {
  results: { file: string; prompts: { ids: number[]; text: string }[] }[];
}
interface TokenizerFixture {
  cases: { ids: number[]; decoded: string }[];
}
const oracle = JSON.parse((await fromRoot('e2e/fixtures/oracle.json')).toString()) as Oracle;
const fixture = JSON.parse((await fromRoot('e2e/fixtures/tokenizer.json')).toString()) as TokenizerFixture;

function texts(ids: readonly number[], options?: StreamDecoderOptions): string[] {
  const decoder = new StreamDecoder(tokenizer, options);
  return [...ids.map((id) => decoder.push(id)), decoder.end()];
}

const encode = (text: string) => tokenizer.encode(text, { addBos: true, parseSpecial: false });

test.each(fixture.cases)('decodes to "$decoded" as llama.cpp does', ({ ids, decoded }) => {
  expect(texts(ids).join('')).toBe(decoded);
});

test.each(oracle.results)('continuations of $file read as llama.cpp wrote them', ({ prompts }) => {
  for (const { ids, text } of prompts) expect(texts(ids, { atStart: false }).join('')).toBe(text);
});

test('a character is shown when its last byte has come, and not before', () => {
  const shown = texts(encode('a🦊b')).filter((text) => text !== '');
  expect(shown).toEqual(['a', '🦊', 'b']);
});

test('what was encoded is decoded to itself, and no text shows half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const shown = texts(encode(text));
      expect(shown.join('')).toBe(text.replaceAll('\u2581', ' '));
      expect(shown.filter((text) => /[\ud800-\udbff]$|^[\udc00-\udfff]/.test(text))).toEqual([]);
    }),
  );
});

test('half a character at the end becomes U+FFFD', () => {
  const ids = encode('🦊').slice(0, -1);
  expect(texts(ids).at(-1)).toBe('\ufffd');
});

test('the space of the first word is the tokenizer’s at the start of a text, and the text’s own later', () => {
  const ids = tokenizer.encode('Once upon', { addBos: false, parseSpecial: false });
  expect(texts(ids)[0]).toBe('Once');
  expect(texts(ids, { atStart: false })[0]).toBe(' Once');
});
