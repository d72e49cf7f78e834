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
}

export type FinishReason = 'stop' | 'length' | 'abort';

export interface GenerateUsage {
  promptIds: number[];
  completionTokens: number;
  timeToFirstTokenMs: number;
  /** From the first token to the last. */
  decodeMs: number;
}
