import type { GgufHeader } from '../gguf/header.ts';
import type { Metadata } from '../gguf/metadata.ts';
import { AppError } from '../shared/errors.ts';
import { SpecialTokens, type TextPart } from './special-tokens.ts';
import { readTextModel, type TextModel } from './text-model.ts';
import { TOKEN_TYPES, type Vocabulary } from './vocabulary.ts';

export interface EncodeOptions {
  /** Put the begin-of-sequence token first. */
  addBos: boolean;
  /** Let the text spell control tokens such as `</s>`. Never for text that a person wrote. */
  parseSpecial: boolean;
}

/** Text to token ids and back, as llama.cpp does it for the same file. */
export interface Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number;
  readonly eosId: number;
  /** Whether the model wants its sequences to begin with `bosId`. */
  readonly addBos: boolean;
  /** Whether a space is put before the first word of a text, which decoding takes away again. */
  readonly addSpacePrefix: boolean;
  /** Jinja source of the model's chat format; null for a model that only continues text. */
  readonly chatTemplate: string | null;
  /** Characters with which control tokens begin. */
  readonly guardedCharacters: readonly string[];
  encode(text: string, options: EncodeOptions): number[];
  /** As one text, of which only some parts may spell control tokens. */
  encodeParts(parts: readonly TextPart[]): number[];
  /** UTF-8 of the token, perhaps only a part of a character; nothing for control tokens. @throws AppError stage-failed */
  tokenBytes(id: number): Uint8Array;
  /** The token's text as the file has it, control tokens included. @throws AppError stage-failed */
  tokenText(id: number): string;
  /** Whether an answer ends with this token. */
  isEndOfGeneration(id: number): boolean;
}

/** Ends of a turn in the chat formats that llama models were tuned with. */
const END_OF_TURN_TEXTS = [
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<end_of_turn>',
];
const END_OF_TURN_KEYS = ['eot_token_id', 'eom_token_id'];

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The tokenizer that the file describes.
 *
 * @throws AppError tokenizer-unsupported (a kind or a pre-tokenizer that is not known here), model-malformed
 */
export function createTokenizer(header: GgufHeader): Tokenizer {
  const { metadata } = header;
  const model = readTextModel(metadata);
  const { vocabulary } = model;
  const embeddingRows = header.tensors.get('token_embd.weight')?.shape[1];
  if (embeddingRows !== undefined && vocabulary.texts.length > embeddingRows) {
    throw new AppError('model-malformed', `the file lists ${vocabulary.texts.length} tokens and embeds only ${embeddingRows}`);
  }
  return new GgufTokenizer(model, metadata);
}

class GgufTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly addBos: boolean;
  readonly addSpacePrefix: boolean;
  readonly chatTemplate: string | null;
  readonly guardedCharacters: readonly string[];
  private readonly model: TextModel;
  private readonly vocabulary: Vocabulary;
  private readonly specialTokens: SpecialTokens;
  private readonly endIds: ReadonlySet<number>;

  constructor(model: TextModel, metadata: Metadata) {
    const { vocabulary } = model;
    this.model = model;
    this.vocabulary = vocabulary;
    this.vocabSize = vocabulary.texts.length;
    this.bosId = vocabulary.bosId;
    this.eosId = vocabulary.eosId;
    this.addBos = vocabulary.addBos;
    this.addSpacePrefix = vocabulary.addSpacePrefix;
    this.chatTemplate = metadata.text('tokenizer.chat_template') ?? null;
    this.specialTokens = new SpecialTokens(vocabulary);
    this.guardedCharacters = this.specialTokens.guardedCharacters();
    this.endIds = endIds(vocabulary, metadata);
  }

  encode(text: string, { addBos, parseSpecial }: EncodeOptions): number[] {
    const ids = this.encodeParts([{ text, parseSpecial }]);
    return addBos ? [this.bosId, ...ids] : ids;
  }

  encodeParts(parts: readonly TextPart[]): number[] {
    const ids: number[] = [];
    // As in llama.cpp, the beginning of a text and the text after a special token both get the space.
    let afterSpecial = true;
    for (const fragment of this.specialTokens.split(parts.map(wellFormed))) {
      if (typeof fragment === 'number') ids.push(fragment);
      else for (const id of this.model.encode(afterSpecial && this.addSpacePrefix ? ` ${fragment}` : fragment)) ids.push(id);
      afterSpecial = typeof fragment === 'number';
    }
    return ids;
  }

  tokenBytes(id: number): Uint8Array {
    const text = this.tokenText(id);
    switch (this.vocabulary.types[id]) {
      case TOKEN_TYPES.control:
      case TOKEN_TYPES.unknown:
        return new Uint8Array(0);
      case TOKEN_TYPES.byte:
        return Uint8Array.of(Number.parseInt(text.slice(1, -1), 16));
      case TOKEN_TYPES.userDefined:
        return utf8Encoder.encode(text);
      default:
        return this.model.bytesOf(text);
    }
  }

  tokenText(id: number): string {
    const text = this.vocabulary.texts[id];
    if (text === undefined) throw new AppError('stage-failed', `token ${id} is not in the vocabulary of ${this.vocabSize}`);
    return text;
  }

  isEndOfGeneration(id: number): boolean {
    return this.endIds.has(id);
  }
}

function endIds({ eosId, texts, types }: Vocabulary, metadata: Metadata): Set<number> {
  const ids = new Set([eosId]);
  for (const key of END_OF_TURN_KEYS) {
    const id = metadata.count(`tokenizer.ggml.${key}`);
    if (id !== undefined) ids.add(id);
  }
  for (const [id, text] of texts.entries()) if (types[id] !== TOKEN_TYPES.normal && END_OF_TURN_TEXTS.includes(text)) ids.add(id);
  return ids;
}

/** Half a surrogate pair becomes U+FFFD, as it has no UTF-8. */
function wellFormed({ text, parseSpecial }: TextPart): TextPart {
  return { text: utf8Decoder.decode(utf8Encoder.encode(text)), parseSpecial };
}
