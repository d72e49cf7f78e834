import type { ChatMessage } from './chat-message.ts';

/** A conversation in the model's chat format, or plain text to go on with. */
export type Prompt = { turns: ChatMessage[] } | { text: string };

export interface GenerateSettings {
  temperature: number;
  topP: number;
  maxTokens: number;
  seed: number | null;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  /** Added to the logit of a token id. */
  logitBias: Record<number, number>;
  /** Text that ends the answer; it is not part of it. */
  stop: string[];
  /** How many of the likeliest tokens to tell of beside each one of the answer; null where not even its own chance is wanted. */
  topLogprobs: number | null;
}

/** A token and the natural logarithm of the model's own probability of it: temperature 1, no penalties, no bias. */
export interface TextLogprob {
  text: string;
  /** UTF-8, perhaps only a part of a character; none for control tokens. */
  bytes: number[];
  logprob: number;
}

export interface ChosenLogprob extends TextLogprob {
  /** The likeliest tokens in its place, best first. */
  top: TextLogprob[];
}

export type FinishReason = 'stop' | 'length' | 'abort';

export interface GenerateUsage {
  promptIds: number[];
  completionTokens: number;
  timeToFirstTokenMs: number;
  /** From the first token to the last. */
  decodeMs: number;
}
