import { AppError } from '../shared/errors.ts';
import type { ChatMessage } from '../shared/model/chat-message.ts';
import type { TemplateValues } from './render-template.ts';
import type { TextPart } from './special-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What makes text of a template and a conversation. */
export type RenderTemplate = (source: string, values: TemplateValues) => string | Promise<string>;

/** Unicode's noncharacters: no text that people exchange has them, so they can stand in for what must not be parsed. */
const FIRST_STAND_IN = 0xfdd0;
const STAND_IN_COUNT = 32;
const STAND_INS = /[\ufdd0-\ufdef]/g;

/**
 * The prompt that asks the model to go on after these messages, in the chat format of its file. A model without one gets the
 * contents, one after the other, as plain text to continue.
 *
 * Only the template's own text can become control tokens: in the contents, the characters with which control tokens begin are
 * replaced while the template runs, and are put back as plain text. So templates may still trim or compare contents.
 *
 * @throws AppError tokenizer-unsupported (more kinds of control tokens than can be hidden), and what `render` throws
 */
export async function renderChat(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  render: RenderTemplate,
): Promise<number[]> {
  if (tokenizer.chatTemplate === null) {
    return tokenizer.encode(messages.map(({ content }) => content).join(''), { addBos: tokenizer.addBos, parseSpecial: false });
  }
  const guard = new ContentGuard(tokenizer.guardedCharacters);
  const text = await render(tokenizer.chatTemplate, {
    messages: messages.map(({ role, content }) => ({ role, content: guard.hide(content) })),
    bos_token: tokenizer.tokenText(tokenizer.bosId),
    eos_token: tokenizer.tokenText(tokenizer.eosId),
    add_generation_prompt: true,
  });
  const ids = tokenizer.encodeParts(guard.parts(text));
  return tokenizer.addBos && ids[0] !== tokenizer.bosId ? [tokenizer.bosId, ...ids] : ids;
}

/** Hides characters of the contents from the parser of special tokens. */
class ContentGuard {
  private readonly guarded: readonly string[];

  constructor(guarded: readonly string[]) {
    if (guarded.length > STAND_IN_COUNT) {
      throw new AppError(
        'tokenizer-unsupported',
        `control tokens begin with ${guarded.length} characters, allowed are ${STAND_IN_COUNT}`,
      );
    }
    this.guarded = guarded;
  }

  hide(content: string): string {
    const clean = content.replace(STAND_INS, '\ufffd');
    return this.guarded.reduce((text, character, i) => text.replaceAll(character, standIn(i)), clean);
  }

  /** The rendered text with its characters back, and which of it may spell control tokens. */
  parts(text: string): TextPart[] {
    const parts: TextPart[] = [];
    let from = 0;
    for (const { index, 0: found } of text.matchAll(STAND_INS)) {
      parts.push({ text: text.slice(from, index), parseSpecial: true });
      parts.push({ text: this.guarded[found.charCodeAt(0) - FIRST_STAND_IN] ?? '\ufffd', parseSpecial: false });
      from = index + 1;
    }
    parts.push({ text: text.slice(from), parseSpecial: true });
    return parts;
  }
}

function standIn(index: number): string {
  return String.fromCharCode(FIRST_STAND_IN + index);
}
