import { type Metadata, required } from '../gguf/metadata.ts';
import { toByteLetters } from './byte-letters.ts';
import { mergeSymbols } from './merge-symbols.ts';
import { cutWords, type PreTokenizer } from './pre-tokenizer.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What byte-level BPE needs of a file. */
export interface BpeModel {
  preTokenizer: PreTokenizer;
  /** Place of each pair, "left right" in byte letters, in the list of merges. */
  rankByPair: ReadonlyMap<string, number>;
}

/** @throws AppError model-malformed */
export function readMerges(metadata: Metadata): ReadonlyMap<string, number> {
  const merges = required(metadata.texts('tokenizer.ggml.merges'), 'tokenizer.ggml.merges');
  return new Map(merges.map((pair, rank) => [pair, rank]));
}

/**
 * Text to token ids as GPT-2's byte-level BPE does it (Radford et al. 2019): the text is cut into words, and in each the
 * neighbours that come first in the list of merges are merged first. Letters without a token are left out, as llama.cpp
 * does; complete vocabularies have all 256.
 *
 * @param text well-formed
 */
export function bpeEncode(text: string, { idByText }: Pick<Vocabulary, 'idByText'>, model: BpeModel): number[] {
  const { preTokenizer, rankByPair } = model;
  const priority = (word: string, start: number, middle: number, end: number) => {
    const rank = rankByPair.get(`${word.slice(start, middle)} ${word.slice(middle, end)}`);
    return rank === undefined ? undefined : -rank;
  };
  const ids: number[] = [];
  for (const word of cutWords(text, preTokenizer).map(toByteLetters)) {
    const whole = preTokenizer.wholeWords ? idByText.get(word) : undefined;
    if (whole !== undefined) ids.push(whole);
    else for (const symbol of mergeSymbols(word, priority)) pushToken(symbol, idByText, ids);
  }
  return ids;
}

/** A merge may make what is no token; then its letters are. */
function pushToken(symbol: string, idByText: ReadonlyMap<string, number>, ids: number[]): void {
  const id = idByText.get(symbol);
  if (id !== undefined) ids.push(id);
  else for (const letter of symbol) ids.push(...[idByText.get(letter)].filter((known) => known !== undefined));
}
