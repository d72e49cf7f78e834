import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatCompletionRequestNonStreaming,
  ChatCompletionRequestStreaming,
  CompletionUsage,
} from '@mlc-ai/web-llm';
import { AppError } from '../shared/errors.ts';
import type { PipelineClient } from '../workers/client.ts';
import type { FinishReason, GenerateUsage } from '../workers/messages.ts';
import { settingsOf, turnsOf } from './chat-request.ts';

/** A chunk as WebLLM streams it, with the ids of the tokens whose text it completes. */
export type PoolChunk = ChatCompletionChunk & { token_ids?: number[] };

export interface PoolEngineOptions {
  worker: PipelineClient;
  /** Name for the answers' `model` field. */
  modelName(): string;
  /** Throws what keeps the room from answering at all. */
  checkRoom(): void;
}

/**
 * The room as an engine with WebLLM's chat interface: what runs on `engine.chat.completions.create` there runs here. One
 * answer at a time; a second request while one is streaming is refused with `busy`.
 */
export class PoolEngine {
  readonly chat: { completions: PoolCompletions };
  private readonly options: PoolEngineOptions;
  private running: AbortController | null = null;

  constructor(options: PoolEngineOptions) {
    this.options = options;
    this.chat = { completions: new PoolCompletions((request) => this.stream(request)) };
  }

  interruptGenerate(): void {
    this.running?.abort();
  }

  /** Lets the devices forget this chat; the next request starts a new one. */
  async resetChat(): Promise<void> {
    this.interruptGenerate();
    this.options.worker.send({ kind: 'forget' });
  }

  private async *stream(request: ChatCompletionRequest): AsyncGenerator<PoolChunk> {
    if (this.running) throw new AppError('busy', 'the room is still answering this chat');
    this.options.checkRoom();
    const turns = turnsOf(request.messages);
    const settings = settingsOf(request);
    const running = new AbortController();
    this.running = running;
    const base = this.chunkBase();
    try {
      for await (const event of this.options.worker.generate(turns, settings, running.signal)) {
        if (event.kind === 'text') {
          yield { ...base, choices: [choice({ content: event.text }, null)], token_ids: event.tokenIds };
        } else {
          yield { ...base, choices: [choice({}, event.reason)] };
          if (request.stream_options?.include_usage) yield { ...base, choices: [], usage: usageOf(event.usage) };
        }
      }
    } finally {
      this.running = null;
    }
  }

  private chunkBase(): Pick<ChatCompletionChunk, 'id' | 'created' | 'model' | 'object'> {
    const created = Math.floor(Date.now() / 1000);
    return { id: crypto.randomUUID(), created, model: this.options.modelName(), object: 'chat.completion.chunk' };
  }
}

class PoolCompletions {
  private readonly stream: (request: ChatCompletionRequest) => AsyncGenerator<PoolChunk>;

  constructor(stream: (request: ChatCompletionRequest) => AsyncGenerator<PoolChunk>) {
    this.stream = stream;
  }

  /**
   * Takes a WebLLM chat request. Streams text as it comes, or resolves with the whole answer.
   * @throws AppError before or while streaming; its code says why (no-plan, peer-lost, context-full ...).
   */
  create(request: ChatCompletionRequestStreaming): Promise<AsyncIterable<PoolChunk>>;
  create(request: ChatCompletionRequestNonStreaming): Promise<ChatCompletion>;
  async create(request: ChatCompletionRequest): Promise<AsyncIterable<PoolChunk> | ChatCompletion> {
    if (request.stream) return this.stream(request);
    return wholeAnswer(this.stream({ ...request, stream_options: { include_usage: true } }));
  }
}

async function wholeAnswer(chunks: AsyncIterable<PoolChunk>): Promise<ChatCompletion> {
  let content = '';
  let last: PoolChunk | null = null;
  let reason: ChatCompletionChunk.Choice['finish_reason'] = null;
  for await (const chunk of chunks) {
    content += chunk.choices[0]?.delta.content ?? '';
    reason = chunk.choices[0]?.finish_reason ?? reason;
    last = chunk;
  }
  const { id, created, model, usage } = last!;
  const message = { role: 'assistant' as const, content };
  return {
    id,
    created,
    model,
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: reason ?? 'stop', logprobs: null }],
    ...(usage ? { usage } : {}),
  };
}

function choice(delta: { content?: string }, reason: FinishReason | null): ChatCompletionChunk.Choice {
  return { index: 0, delta, finish_reason: reason };
}

function usageOf(usage: GenerateUsage): CompletionUsage {
  const { promptTokens, completionTokens, timeToFirstTokenMs, decodeMs } = usage;
  const perSecond = (tokens: number, ms: number) => (ms > 0 ? (1000 * tokens) / ms : 0);
  const decodeTokensPerSecond = perSecond(completionTokens - 1, decodeMs);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    extra: {
      e2e_latency_s: (timeToFirstTokenMs + decodeMs) / 1000,
      prefill_tokens_per_s: perSecond(promptTokens, timeToFirstTokenMs),
      decode_tokens_per_s: decodeTokensPerSecond,
      time_to_first_token_s: timeToFirstTokenMs / 1000,
      time_per_output_token_s: decodeTokensPerSecond > 0 ? 1 / decodeTokensPerSecond : 0,
    },
  };
}
