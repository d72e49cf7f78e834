import type { ChatCompletionMessageParam, ChatCompletionRequestBase, CompletionCreateParamsBase } from '@mlc-ai/web-llm';
import { AppError } from '../shared/errors.ts';
import type { ChatMessage } from '../shared/model/chat-message.ts';
import type { GenerateSettings } from '../shared/model/generation.ts';

/** Fields of a WebLLM request that a room cannot honour: refused, rather than ignored in silence. */
const UNSUPPORTED = ['tools', 'tool_choice', 'response_format', 'ignore_eos'] as const;

/** As WebLLM allows. */
const MAX_TOP_LOGPROBS = 5;

/** As WebLLM does when a request says nothing: the rest of the context. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** @throws AppError bad-message naming the field that is not supported or out of range. */
export function settingsOf(request: ChatCompletionRequestBase | CompletionCreateParamsBase): GenerateSettings {
  const unsupported = UNSUPPORTED.find((field) => field in request && request[field as keyof typeof request]);
  if (unsupported) throw refused(`${unsupported} is not supported by a room`);
  if ((request.n ?? 1) !== 1) throw refused(`n is ${request.n}; a room gives one answer at a time`);
  return {
    temperature: within('temperature', request.temperature ?? 1, 0, 2),
    topP: within('top_p', request.top_p ?? 1, 0, 1),
    maxTokens: within('max_tokens', request.max_tokens ?? NO_LIMIT, 1, NO_LIMIT),
    seed: request.seed ?? null,
    repetitionPenalty: within(
      'repetition_penalty',
      ('repetition_penalty' in request ? request.repetition_penalty : null) ?? 1,
      0.01,
      10,
    ),
    presencePenalty: within('presence_penalty', request.presence_penalty ?? 0, -2, 2),
    frequencyPenalty: within('frequency_penalty', request.frequency_penalty ?? 0, -2, 2),
    logitBias: Object.fromEntries(Object.entries(request.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias])),
    stop: request.stop ? [request.stop].flat() : [],
    topLogprobs: topLogprobsOf(request),
  };
}

function topLogprobsOf({
  logprobs,
  top_logprobs: top,
}: Pick<ChatCompletionRequestBase, 'logprobs' | 'top_logprobs'>): number | null {
  if (logprobs) return within('top_logprobs', top ?? 0, 0, MAX_TOP_LOGPROBS);
  if (top) throw refused('top_logprobs is only for requests with logprobs');
  return null;
}

/** @throws AppError bad-message for images, audio and tool messages. */
export function turnsOf(messages: ChatCompletionMessageParam[]): ChatMessage[] {
  return messages.map(({ role, content }) => {
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      throw refused(`${role} messages are not supported by a room`);
    if (Array.isArray(content) && content.some(({ type }) => type !== 'text')) throw refused('a room reads text only');
    const text = Array.isArray(content) ? content.map((part) => ('text' in part ? part.text : '')).join('') : content;
    return { role, content: text ?? '' };
  });
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw refused(`${name} is ${value}; allowed are ${least} to ${most}`);
}

function refused(message: string): AppError {
  return new AppError('bad-message', message);
}
