import { AppError } from '../shared/errors.ts';

/** How a vocabulary's makers cut text into words before merging, which never crosses their borders. */
export interface PreTokenizer {
  /** Applied one after the other: each cuts the words that the one before left. What no match covers is a word too. */
  patterns: readonly RegExp[];
  /** A word that is a token is taken as that, whatever merging would make of it. */
  wholeWords: boolean;
  /** Whether sequences begin with the begin token when the file does not say. */
  addBos: boolean;
}

/** As `\s` of the patterns' makers: JavaScript's own has U+FEFF in addition and lacks U+0085. */
const S = String.raw`\p{White_Space}`;
const NOT_WORD = String.raw`[^${S}\p{L}\p{N}]`;
/** The pattern of GPT-2, whose last alternative, single white space, is what no match covers. */
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?${NOT_WORD}+|${S}+(?!\P{White_Space})`;
const LINES = String.raw`${S}*[\r\n]+|${S}+(?!\P{White_Space})|${S}+`;
const LLAMA3 = String.raw`'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?${NOT_WORD}+[\r\n]*|${LINES}`;
/** Words end where a capital follows a small letter. */
const UPPER = String.raw`(?:(?=\p{L})[^a-z])`;
const LOWER = String.raw`(?:(?=\p{L})[^A-Z])`;
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*|\p{N}| ?${NOT_WORD}+[\r\n/]*|${LINES}`;

const pattern = (source: string) => new RegExp(source, 'gu');
const gpt2: PreTokenizer = { patterns: [pattern(GPT2)], wholeWords: false, addBos: false };
const llama3: PreTokenizer = { patterns: [pattern(LLAMA3)], wholeWords: true, addBos: true };
const smollm: PreTokenizer = { patterns: [/\p{N}/gu, pattern(GPT2)], wholeWords: false, addBos: false };
const tekken: PreTokenizer = { patterns: [pattern(TEKKEN)], wholeWords: true, addBos: false };

/** By `tokenizer.ggml.pre`, with the names that converters of llama models have written. */
const PRE_TOKENIZERS: Record<string, PreTokenizer> = {
  'gpt-2': gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  pixtral: llama3,
  smollm,
  tekken,
};

/** @throws AppError tokenizer-unsupported */
export function preTokenizer(name: string | undefined): PreTokenizer {
  const found = name !== undefined && Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined;
  if (found) return found;
  const words = name?.slice(0, 40) ?? 'unknown';
  const known = Object.keys(PRE_TOKENIZERS).join(', ');
  throw new AppError('tokenizer-unsupported', `the file cuts words as "${words}"; supported are ${known}`, {
    values: { words, supported: known },
  });
}

export function cutWords(text: string, { patterns }: PreTokenizer): string[] {
  return patterns.reduce((words, one) => words.flatMap((word) => cut(word, one)), [text]);
}

function cut(text: string, by: RegExp): string[] {
  const words: string[] = [];
  let from = 0;
  for (const { 0: match, index } of text.matchAll(by)) {
    if (index > from) words.push(text.slice(from, index));
    words.push(match);
    from = index + match.length;
  }
  if (from < text.length) words.push(text.slice(from));
  return words;
}
