import type { HeaderValue } from './gguf-header-writer.ts';
import type { ModelShape } from './model-shapes.ts';

/** A vocabulary that can spell any text, filled up to its size with words that nobody uses. */
export function vocabularyMetadata({ tokenizer, vocabSize }: ModelShape): Record<string, HeaderValue> {
  return tokenizer === 'sentencepiece' ? sentencePiece(vocabSize) : byteLevel(vocabSize);
}

const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;

function sentencePiece(vocabSize: number): Record<string, HeaderValue> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const start = ['<unk>', '<s>', '</s>', ...bytes];
  const tokens = filled(start, vocabSize, (i) => `\u2581w${i}`);
  const types = tokens.map((_, id) => [UNKNOWN, CONTROL, CONTROL][id] ?? (id < start.length ? BYTE : NORMAL));
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.scores': { type: 'f32s', value: tokens.map((_, id) => -id) },
    'tokenizer.ggml.token_type': { type: 'i32s', value: types },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: 1 },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: 2 },
  };
}

/** Bytes are written as letters, as GPT-2 does: those that can't be printed from U+0100 on. */
function byteLevel(vocabSize: number): Record<string, HeaderValue> {
  let unprintable = 0;
  const letters = Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : 0x100 + unprintable++);
  });
  const control = ['<|begin_of_text|>', '<|end_of_text|>', '<|eot_id|>'];
  const tokens = [...filled(letters, vocabSize - control.length, (i) => `\u0120w${i}`), ...control];
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'llama-bpe' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'i32s', value: tokens.map((token) => (control.includes(token) ? CONTROL : NORMAL)) },
    'tokenizer.ggml.merges': { type: 'strings', value: ['\u0120 w'] },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: vocabSize - 3 },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: vocabSize - 1 },
  };
}

function filled(start: readonly string[], count: number, word: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => start[i] ?? word(i));
}
