import type { Metadata } from '../gguf/metadata.ts';
import { AppError } from '../shared/errors.ts';
import { bpeEncode, readMerges } from './bpe.ts';
import { fromByteLetters } from './byte-letters.ts';
import { preTokenizer } from './pre-tokenizer.ts';
import { spmEncode } from './spm.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

/** What differs between the kinds of tokenizers: how plain text becomes ids, and how a token's text becomes bytes. */
export interface TextModel {
  vocabulary: Vocabulary;
  /** Text without special tokens, well-formed. */
  encode(text: string): number[];
  /** UTF-8 of an ordinary token's text. */
  bytesOf(text: string): Uint8Array;
}

const SPACE_MARK = '\u2581';
const utf8 = new TextEncoder();

/** @throws AppError tokenizer-unsupported, model-malformed */
export function readTextModel(metadata: Metadata): TextModel {
  const kind = metadata.text('tokenizer.ggml.model');
  if (kind === 'llama') return sentencePieceModel(metadata);
  if (kind === 'gpt2') return byteLevelModel(metadata);
  const tokenizer = kind?.slice(0, 40) ?? 'missing';
  throw new AppError('tokenizer-unsupported', `the file's tokenizer is "${tokenizer}"; "llama" and "gpt2" are supported`, {
    values: { tokenizer, supported: '"llama" and "gpt2"' },
  });
}

function sentencePieceModel(metadata: Metadata): TextModel {
  const vocabulary = readVocabulary(metadata, { hasScores: true, bosId: 1, eosId: 2, addBos: true, addSpacePrefix: true });
  return {
    vocabulary,
    encode: (text) => spmEncode(text.replaceAll(' ', SPACE_MARK), vocabulary),
    bytesOf: (text) => utf8.encode(text.replaceAll(SPACE_MARK, ' ')),
  };
}

/** GGUF calls byte-level BPE `gpt2`, and so do Llama 3's and SmolLM's files. */
function byteLevelModel(metadata: Metadata): TextModel {
  const model = { preTokenizer: preTokenizer(metadata.text('tokenizer.ggml.pre')), rankByPair: readMerges(metadata) };
  const { addBos } = model.preTokenizer;
  const vocabulary = readVocabulary(metadata, { hasScores: false, bosId: 11, eosId: 11, addBos, addSpacePrefix: false });
  return { vocabulary, encode: (text) => bpeEncode(text, vocabulary, model), bytesOf: fromByteLetters };
}
