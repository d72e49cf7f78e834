import { mergeSymbols } from './merge-symbols.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What merging needs of a vocabulary. */
export type MergeVocabulary = Pick<Vocabulary, 'scores' | 'byteIds'> & { idByText: Pick<ReadonlyMap<string, number>, 'get'> };

const utf8 = new TextEncoder();

/**
 * Text to token ids as SentencePiece's BPE does it (Kudo and Richardson 2018): the neighbours that together are the token
 * with the highest score are merged first. Characters that are no token become their UTF-8 bytes' tokens.
 *
 * @param text well-formed, spaces written as U+2581
 */
export function spmEncode(text: string, vocabulary: MergeVocabulary): number[] {
  const { idByText, scores } = vocabulary;
  const symbols = mergeSymbols(text, (_, start, _middle, end) => {
    const id = idByText.get(text.slice(start, end));
    return id === undefined ? undefined : scores[id];
  });
  const ids: number[] = [];
  for (const symbol of symbols) {
    const id = idByText.get(symbol);
    if (id !== undefined) ids.push(id);
    else for (const byte of utf8.encode(symbol)) ids.push(vocabulary.byteIds[byte]!);
  }
  return ids;
}
