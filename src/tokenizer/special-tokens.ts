import { TOKEN_TYPES, type Vocabulary } from './vocabulary.ts';

/** A stretch of text. Only where `parseSpecial` is set may it spell control tokens. */
export interface TextPart {
  text: string;
  parseSpecial: boolean;
}

/** A token that was found in the text, or the text between two of them. */
export type Fragment = number | string;

/** Finds the tokens that are taken out of a text before it is merged. */
export class SpecialTokens {
  /** Longest first, as llama.cpp looks for them. */
  private readonly ids: number[];
  private readonly vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    const { texts, types } = vocabulary;
    const special: number[] = [TOKEN_TYPES.unknown, TOKEN_TYPES.control, TOKEN_TYPES.userDefined];
    this.vocabulary = vocabulary;
    this.ids = texts.flatMap((text, id) => (text !== '' && special.includes(types[id]!) ? [id] : []));
    this.ids.sort((a, b) => texts[b]!.length - texts[a]!.length);
  }

  /**
   * User-defined tokens are found everywhere, control tokens only in parts that may spell them. Neighbouring texts are joined, so
   * that they are merged as if they had been one.
   */
  split(parts: readonly TextPart[]): Fragment[] {
    const fragments: Fragment[] = [];
    for (const fragment of parts.flatMap((part) => this.splitPart(part))) {
      const last = fragments.at(-1);
      if (typeof fragment === 'string' && typeof last === 'string') fragments[fragments.length - 1] = last + fragment;
      else fragments.push(fragment);
    }
    return fragments;
  }

  /**
   * First characters of tokens that a person's text must not be able to spell: control tokens, and user-defined ones in angle
   * brackets, as some files list their turn markers so.
   */
  guardedCharacters(): string[] {
    const { texts, types } = this.vocabulary;
    const guarded = this.ids.filter((id) => types[id] !== TOKEN_TYPES.userDefined || /^<.*>$/.test(texts[id]!));
    return [...new Set(guarded.map((id) => String.fromCodePoint(texts[id]!.codePointAt(0)!)))];
  }

  private splitPart({ text, parseSpecial }: TextPart): Fragment[] {
    let fragments: Fragment[] = text === '' ? [] : [text];
    for (const id of this.ids) {
      if (!parseSpecial && this.vocabulary.types[id] !== TOKEN_TYPES.userDefined) continue;
      const special = this.vocabulary.texts[id]!;
      if (text.includes(special)) fragments = fragments.flatMap((fragment) => splitAt(fragment, special, id));
    }
    return fragments;
  }
}

function splitAt(fragment: Fragment, special: string, id: number): Fragment[] {
  if (typeof fragment === 'number') return [fragment];
  const fragments: Fragment[] = [];
  for (const [i, between] of fragment.split(special).entries()) {
    if (i > 0) fragments.push(id);
    if (between !== '') fragments.push(between);
  }
  return fragments;
}
