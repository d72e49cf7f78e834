import { Template } from '@huggingface/jinja';
import { AppError } from '../shared/errors.ts';

export interface TemplateValues {
  messages: { role: string; content: string }[];
  bos_token: string;
  eos_token: string;
  add_generation_prompt: boolean;
}

/** More than the longest context holds; a template can double what it is given over and over. */
const MAX_CHARACTERS = 2 ** 22;

/**
 * What a model's chat template makes of a conversation. Templates come with the model's file and can loop for ever: pages have
 * them rendered by a `TemplateRenderer`, which calls this in a thread of its own.
 *
 * @throws AppError tokenizer-unsupported (a template that can't be read), bad-message (the template refuses the messages)
 */
export function renderTemplate(source: string, values: TemplateValues): string {
  const template = parseTemplate(source);
  const text = refusable(() => template.render({ ...values }));
  if (text.length <= MAX_CHARACTERS) return text;
  throw new AppError(
    'bad-message',
    `the model's chat template makes ${text.length} characters of this conversation, allowed are ${MAX_CHARACTERS}`,
  );
}

function parseTemplate(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new AppError('tokenizer-unsupported', `the model's chat template can't be read: ${shortMessage(cause)}`, { cause });
  }
}

function refusable(render: () => string): string {
  try {
    return render();
  } catch (cause) {
    const detail = `the model's chat template refuses this conversation: ${shortMessage(cause)}`;
    throw new AppError('bad-message', detail, { values: { detail }, cause });
  }
}

function shortMessage(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, 200);
}
