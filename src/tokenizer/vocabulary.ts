import { type Metadata, required } from '../gguf/metadata.ts';
import { AppError } from '../shared/errors.ts';

/** Kinds of tokens (llama.h, enum llama_token_type). */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The tokens of a GGUF file, by id and by text. */
export interface Vocabulary {
  /** With U+2581 for spaces, or with letters for bytes (byte-letters.ts). */
  texts: string[];
  /** The higher, the earlier a token is merged; of byte-level BPE, which has a list of merges instead, all 0. */
  scores: number[];
  types: number[];
  /** Tokens that ordinary text may become: neither control tokens nor single bytes, whatever the text spells. */
  idByText: ReadonlyMap<string, number>;
  /** Token of each byte value; the unknown token where the vocabulary has none. */
  byteIds: number[];
  bosId: number;
  eosId: number;
  addBos: boolean;
  addSpacePrefix: boolean;
}

/** What a kind of tokenizer takes for granted where the file is silent. */
export interface VocabularyDefaults {
  hasScores: boolean;
  bosId: number;
  eosId: number;
  addBos: boolean;
  addSpacePrefix: boolean;
}

/** @throws AppError tokenizer-unsupported (no list of tokens), model-malformed (lists of different lengths, ids outside of them) */
export function readVocabulary(metadata: Metadata, defaults: VocabularyDefaults): Vocabulary {
  const texts = metadata.texts('tokenizer.ggml.tokens');
  if (!texts?.length) throw new AppError('tokenizer-unsupported', 'the file lists no tokens');
  const noScores = defaults.hasScores ? undefined : texts.map(() => 0);
  const listed = required(noScores ?? metadata.numbers('tokenizer.ggml.scores'), 'tokenizer.ggml.scores');
  const scores = sameLength(listed, texts, 'scores');
  const types = sameLength(metadata.numbers('tokenizer.ggml.token_type') ?? texts.map(() => TOKEN_TYPES.normal), texts, 'types');
  const id = (key: string, fallback: number) => tokenId(metadata, `tokenizer.ggml.${key}`, fallback, texts.length);
  const unknownId = id('unknown_token_id', 0);
  const everyIdByText = new Map(texts.map((text, i) => [text, i]));
  return {
    texts,
    scores,
    types,
    idByText: idsOf(texts, types),
    byteIds: Array.from({ length: 256 }, (_, byte) => everyIdByText.get(byteText(byte)) ?? unknownId),
    bosId: id('bos_token_id', defaults.bosId),
    eosId: id('eos_token_id', defaults.eosId),
    addBos: metadata.flag('tokenizer.ggml.add_bos_token') ?? defaults.addBos,
    addSpacePrefix: metadata.flag('tokenizer.ggml.add_space_prefix') ?? defaults.addSpacePrefix,
  };
}

function sameLength(values: number[], texts: string[], what: string): number[] {
  if (values.length === texts.length) return values;
  throw new AppError('model-malformed', `the file lists ${texts.length} tokens and ${values.length} ${what} for them`);
}

function tokenId(metadata: Metadata, key: string, fallback: number, vocabSize: number): number {
  const id = metadata.count(key) ?? fallback;
  if (id < vocabSize) return id;
  throw new AppError('model-malformed', `${key} is ${id}, the vocabulary has ${vocabSize} tokens`);
}

function idsOf(texts: string[], types: number[]): Map<string, number> {
  const reserved: number[] = [TOKEN_TYPES.unknown, TOKEN_TYPES.control, TOKEN_TYPES.byte];
  const ids = new Map<string, number>();
  for (const [id, text] of texts.entries()) if (!reserved.includes(types[id]!)) ids.set(text, id);
  return ids;
}

function byteText(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}
