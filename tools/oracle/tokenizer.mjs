// Tokenisation by llama.cpp (through node-llama-cpp) of texts that are easy to get wrong.
//
//   npm ci     (in this folder)
//   node tokenizer.mjs FILE.gguf OUT.json
//
// For every text: its ids when control tokens in it count as text, its ids when they are parsed, and the text that the
// first list of ids becomes again.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { getLlama } from 'node-llama-cpp';

const TEXTS = [
  '',
  ' ',
  '  ',
  '          ',
  'a',
  ' a',
  '  a  b   c    d',
  'trailing spaces   ',
  'Once upon a time',
  ' Once upon a time',
  'Once upon a time, there was a little girl named Lily. She said, "Hello!"',
  'UPPER lower MiXeD 0123456789',
  'line one\nline two\n\nline four\n',
  'tab\tand\r\nreturn',
  '\n',
  ' \n \n ',
  'café naïve Straße Ærøskøbing',
  'e\u0301 is not \u00e9',
  'Привет, мир',
  '你好，世界',
  'שלום عليكم',
  '😀 smile 👩‍👩‍👧‍👦 family 🇨🇭 flag',
  '😀😀😀',
  'zero\u200bwidth\u00a0space\ufeffmark',
  'nul\u0000byte and \u0007bell \u007f',
  '\u2581already\u2581marked\u2581',
  '<0x41> is spelled out',
  '<s>',
  '</s>',
  '<unk>',
  'before</s>after',
  'before </s> after',
  '<s><s> twice',
  '</s></s>',
  '<s>[INST] Tell me a story [/INST] Once</s><s>[INST] More [/INST]',
  '[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHello [/INST]',
  '< s > < /s > <s <unk',
  '<<s>s>',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'hahahahahahahaha',
  'the the the the the',
  "don't can't won't I'm you're",
  '!!!???...,,,;;;:::---',
  '{"key": [1, 2.5, -3e10], "x": null}',
  'function f(x) { return x ** 2; }',
  '\u{10ffff}\u{fffd}\u{e000}',
];

const [file, out] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const cases = TEXTS.map((text) => {
  const ids = model.tokenize(text, false);
  return { text, ids: [...ids], ids_special: [...model.tokenize(text, true)], decoded: model.detokenize(ids, false) };
});
const oracle = {
  engine: 'llama.cpp',
  llama_cpp_release: llama.llamaCppRelease.release,
  file: path.basename(file),
  sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
};
const lines = cases.map((entry) => `  ${JSON.stringify(entry)}`);
writeFileSync(out, `{\n "oracle": ${JSON.stringify(oracle)},\n "cases": [\n${lines.join(',\n')}\n ]\n}\n`);
process.exit(0);
