// Byte-level BPE by llama.cpp (through node-llama-cpp), for each way of cutting words that we support.
//
//   npm ci     (in this folder)
//   node bpe.mjs OUT.json
//
// Learns a small vocabulary from the texts themselves, writes it as a GGUF file without weights, and records what llama.cpp
// makes of every text.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getLlama } from 'node-llama-cpp';

const PRE_TOKENIZERS = ['gpt-2', 'llama-bpe', 'smollm', 'tekken'];
const MERGES = 400;
const CONTROL = ['<|begin_of_text|>', '<|end_of_text|>', '<|eot_id|>'];
/** Tokens that no merge makes: found only where whole words are looked up. */
const UNMERGED = [' indivisible', ' Zebra', '2024'];

const TEXTS = [
  '',
  ' ',
  '   ',
  'a',
  ' a',
  'Once upon a time, there was a little girl named Lily. She said, "Hello!"',
  'Once upon a time, there was a little boy named Tom. He said, "Good bye!"',
  'the other mother, the other father, and another brother gathered together there',
  "I'm sure we'll see that they've got what he'd want; don't you? IT'S. 'Tis 'S'",
  'numbers 1 12 123 1234 12345 1,234.56 2024 in 2024',
  'an indivisible Zebra is indivisible',
  'line one\nline two\n\nline four\n   indented\n\t\ttabs\r\nreturn\r\n\r\n',
  'trailing spaces   ',
  '   leading spaces',
  'two  three   four    spaces',
  'space before newline  \n  and after',
  'camelCase PascalCase HTTPServer iPhone aB Ab ABc aBC',
  'path/to/file.txt //comment\n/// three\n',
  'x = y**2 + f(z[0]) != {"key": [1, 2.5, -3e10], "x": null};',
  '!!!???...,,,;;;:::---',
  'caf\u00e9 na\u00efve Stra\u00dfe e\u0301',
  '\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440',
  '\u4f60\u597d\uff0c\u4e16\u754c\u3002',
  '\u05e9\u05dc\u05d5\u05dd \u0639\u0644\u064a\u0643\u0645 \u0663\u0664\u0665\u0666',
  '\u{1f600} smile \u{1f469}\u200d\u{1f469}\u200d\u{1f467} \u{1f1e8}\u{1f1ed}',
  'zero\u200bwidth\u00a0space\u3000wide\u2028line\u0085next\ufeffmark',
  '\u2460\u00bd\u2167 no digits',
  '<|begin_of_text|>not a token<|eot_id|>',
  '<|eot_id|> <|end_of_text|>\n\nBoth',
  'nul\u0000byte and \u0007bell \u007f',
];

function byteLetters() {
  let unprintable = 0;
  const isPrintable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b !== 173);
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(isPrintable(b) ? b : 256 + unprintable++));
}

const LETTERS = byteLetters();
const inLetters = (text) => [...Buffer.from(text, 'utf8')].map((byte) => LETTERS[byte]);

/** The most frequent pair of neighbours is merged, again and again (Sennrich et al. 2016). Words are simply cut before spaces. */
function learnMerges() {
  const words = TEXTS.filter((text) => !text.includes('<|'))
    .flatMap((text) => text.split(/(?= )/))
    .map(inLetters);
  const merges = [];
  while (merges.length < MERGES) {
    const counts = new Map();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const [best, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
    if (count < 2) break;
    merges.push(best);
    const [left, right] = best.split(' ');
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right);
  }
  return merges;
}

function vocabulary() {
  const merges = learnMerges();
  const made = merges.map((pair) => pair.replace(' ', ''));
  const tokens = [...new Set([...LETTERS, ...made, ...UNMERGED.map((text) => inLetters(text).join(''))]), ...CONTROL];
  const types = tokens.map((token) => (CONTROL.includes(token) ? 3 : 1));
  return { tokens, types, merges };
}

/** GGUF specification, version 3. */
function ggufWithoutWeights(metadata) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);
  const value = (it) => {
    if (typeof it === 'string') return Buffer.concat([u32(8), string(it)]);
    if (typeof it === 'number' && !Number.isInteger(it)) return Buffer.concat([u32(6), Buffer.from(Float32Array.of(it).buffer)]);
    if (typeof it === 'number') return Buffer.concat([u32(4), u32(it)]);
    const items = it.map((one) => (typeof one === 'string' ? string(one) : u32(one)));
    return Buffer.concat([u32(9), u32(typeof it[0] === 'string' ? 8 : 5), u64(it.length), ...items]);
  };
  const pairs = Object.entries(metadata).map(([key, it]) => Buffer.concat([string(key), value(it)]));
  return Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(pairs.length), ...pairs]);
}

function metadataFor({ tokens, types, merges }, pre) {
  return {
    'general.architecture': 'llama',
    'llama.block_count': 1,
    'llama.context_length': 512,
    'llama.embedding_length': 64,
    'llama.feed_forward_length': 64,
    'llama.attention.head_count': 4,
    'llama.attention.layer_norm_rms_epsilon': 1e-5,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': merges,
    'tokenizer.ggml.bos_token_id': tokens.indexOf('<|begin_of_text|>'),
    'tokenizer.ggml.eos_token_id': tokens.indexOf('<|eot_id|>'),
  };
}

const [out] = process.argv.slice(2);
const folder = mkdtempSync(path.join(tmpdir(), 'bpe-'));
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' });
const words = vocabulary();
const results = [];
for (const pre of PRE_TOKENIZERS) {
  const file = path.join(folder, `${pre}.gguf`);
  writeFileSync(file, ggufWithoutWeights(metadataFor(words, pre)));
  const model = await llama.loadModel({ modelPath: file, vocabOnly: true, gpuLayers: 0 });
  const cases = TEXTS.map((text) => ({ ids: [...model.tokenize(text, false)], ids_special: [...model.tokenize(text, true)] }));
  results.push({ pre, cases });
  await model.dispose();
}
rmSync(folder, { recursive: true });
const line = (value) => `  ${JSON.stringify(value)}`;
const oracle = { engine: 'llama.cpp', llama_cpp_release: llama.llamaCppRelease.release };
const body = [
  ` "oracle": ${JSON.stringify(oracle)}`,
  ` "tokens": ${JSON.stringify(words.tokens)}`,
  ` "types": ${JSON.stringify(words.types)}`,
  ` "merges": ${JSON.stringify(words.merges)}`,
  ` "texts": [\n${TEXTS.map(line).join(',\n')}\n ]`,
  ` "results": [\n${results.map(line).join(',\n')}\n ]`,
];
writeFileSync(out, `{\n${body.join(',\n')}\n}\n`);
process.exit(0);
