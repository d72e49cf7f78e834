import type { ErrorReport } from '../../shared/errors.ts';
import type { ChatMessage } from '../../shared/model/chat-message.ts';

/** The part of the room's WebLLM-compatible engine that a conversation uses. */
export interface ChatEngine {
  chat: { completions: { create(request: ChatRequest): Promise<AsyncIterable<AnswerChunk>> } };
  interruptGenerate(): unknown;
  /** Lets the devices forget what they keep of this chat. */
  resetChat(): unknown;
}

export interface ChatRequest extends Sampling {
  messages: ChatMessage[];
  stream: true;
  stream_options: { include_usage: true };
}

/** As in the completions request. */
export interface Sampling {
  /** 0 is greedy. */
  temperature: number;
  /** Longest answer, tokens. */
  max_tokens: number;
}

export const DEFAULT_SAMPLING: Sampling = { temperature: 0.7, max_tokens: 512 };

export interface AnswerChunk {
  choices: readonly { delta: { content?: string | null }; finish_reason?: string | null }[];
  /** Ids behind this text: an addition of this project. */
  token_ids?: number[];
  /** What interrupted the answer, which goes on: another one. */
  interruption?: ErrorReport;
  /** On the last chunk. */
  usage?: {
    completion_tokens: number;
    extra: { time_to_first_token_s?: number; prefill_tokens_per_s: number; decode_tokens_per_s: number };
  } | null;
}

export type MessageState = 'streaming' | 'done' | 'stopped' | 'failed';

export interface ShownMessage {
  id: number;
  role: 'user' | 'assistant';
  text: string;
  state: MessageState;
  tokenIds: readonly number[];
  stats: AnswerStats | null;
  /** True when the answer reached its longest length. */
  cutShort: boolean;
  /** What the answer had to get over, in order. */
  interruptions: readonly ErrorReport[];
  error: ErrorReport | null;
}

export interface AnswerStats {
  tokens: number;
  firstTokenMs: number | null;
  tokensPerSecond: number;
}
