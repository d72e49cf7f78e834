import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatCompletionRequestNonStreaming,
  ChatCompletionRequestStreaming,
  Completion,
  CompletionCreateParams,
  CompletionCreateParamsNonStreaming,
  CompletionCreateParamsStreaming,
  CompletionUsage,
} from '@mlc-ai/web-llm';
import { randomHex } from '../room/random-hex.ts';
import type { RoomView } from '../room/room-view.ts';
import { AppError, type ErrorReport } from '../shared/errors.ts';
import type {
  ChosenLogprob,
  FinishReason,
  GenerateSettings,
  GenerateUsage,
  Prompt,
  TextLogprob,
} from '../shared/model/generation.ts';
import type { GenerateEvent, PipelineClient } from '../workers/client.ts';
import { settingsOf, turnsOf } from './chat-request.ts';
import { refusalOf } from './room-check.ts';

/** Our own additions to what WebLLM streams. */
interface Additions {
  /** Ids of a chunk's tokens. */
  token_ids?: number[];
  /** Beside the usage. */
  prompt_token_ids?: number[];
  /** In a chunk without text: this interrupted the answer, which goes on as soon as it can. */
  interruption?: ErrorReport;
}
export type PoolChatChunk = ChatCompletionChunk & Additions;
export type PoolTextChunk = Completion & Additions;

export interface PoolEngineOptions {
  worker: Pick<PipelineClient, 'generate' | 'send'>;
  view(): RoomView;
}

/**
 * The room as an engine with WebLLM's interface: what runs on its `chat.completions.create` and `completions.create` runs
 * here. One answer at a time; a second request while one is streaming is refused with `busy`.
 */
export class PoolEngine {
  readonly chat: { completions: ChatCompletions };
  readonly completions: TextCompletions;
  private readonly options: PoolEngineOptions;
  private running: AbortController | null = null;

  constructor(options: PoolEngineOptions) {
    this.options = options;
    const ask: Ask = (prompt, settings) => this.ask(prompt, settings);
    const modelName = () => options.view().room?.model?.name ?? '';
    this.chat = { completions: new ChatCompletions(ask, modelName) };
    this.completions = new TextCompletions(ask, modelName);
  }

  interruptGenerate(): void {
    this.running?.abort();
  }

  /** Lets the devices forget this chat; the next request starts a new one. */
  async resetChat(): Promise<void> {
    this.interruptGenerate();
    this.options.worker.send({ kind: 'forget' });
  }

  private async *ask(prompt: Prompt, settings: GenerateSettings): AsyncGenerator<GenerateEvent> {
    if (this.running) throw new AppError('busy', 'the room is still answering this chat');
    const refusal = refusalOf(this.options.view());
    if (refusal) throw AppError.fromReport(refusal);
    const running = new AbortController();
    this.running = running;
    try {
      yield* this.options.worker.generate(prompt, settings, running.signal);
    } finally {
      this.running = null;
    }
  }
}

type Ask = (prompt: Prompt, settings: GenerateSettings) => AsyncGenerator<GenerateEvent>;

class ChatCompletions {
  private readonly ask: Ask;
  private readonly modelName: () => string;

  constructor(ask: Ask, modelName: () => string) {
    this.ask = ask;
    this.modelName = modelName;
  }

  /**
   * Takes a WebLLM chat request. Streams text as it comes, or resolves with the whole answer.
   * @throws AppError before or while streaming; its code says why (does-not-fit, peer-lost, context-full ...)
   */
  create(request: ChatCompletionRequestStreaming): Promise<AsyncIterable<PoolChatChunk>>;
  create(request: ChatCompletionRequestNonStreaming): Promise<ChatCompletion>;
  async create(request: ChatCompletionRequest): Promise<AsyncIterable<PoolChatChunk> | ChatCompletion> {
    const events = this.ask({ turns: turnsOf(request.messages) }, settingsOf(request));
    if (request.stream) return this.stream(events, request);
    const { text, reason, usage, logprobs } = await wholeAnswer(events);
    const message = { role: 'assistant' as const, content: text };
    const choices = [{ index: 0, message, finish_reason: reason, logprobs: request.logprobs ? asLogprobs(logprobs) : null }];
    return { ...identity(this.modelName()), object: 'chat.completion', choices, usage: usageOf(usage) };
  }

  private async *stream(events: AsyncIterable<GenerateEvent>, request: ChatCompletionRequest): AsyncGenerator<PoolChatChunk> {
    const withUsage = request.stream_options?.include_usage === true;
    const base = { ...identity(this.modelName()), object: 'chat.completion.chunk' as const };
    const choice = (content: string | null, reason: FinishReason | null, said: readonly ChosenLogprob[] = []) => {
      const logprobs = request.logprobs && content !== null ? { logprobs: asLogprobs(said) } : {};
      return [{ index: 0, delta: content === null ? {} : { content }, finish_reason: reason, ...logprobs }];
    };
    for await (const event of events) {
      if (event.kind === 'text') yield { ...base, choices: choice(event.text, null, event.logprobs), token_ids: event.tokenIds };
      else if (event.kind === 'interrupted') yield { ...base, choices: choice('', null), interruption: event.error };
      else yield { ...base, choices: choice(null, event.reason) };
      if (event.kind === 'finished' && withUsage) yield { ...base, choices: [], ...usageAndPrompt(event.usage) };
    }
  }
}

class TextCompletions {
  private readonly ask: Ask;
  private readonly modelName: () => string;

  constructor(ask: Ask, modelName: () => string) {
    this.ask = ask;
    this.modelName = modelName;
  }

  /** Goes on with plain text, without a chat format. Fields and errors as in chat requests. */
  create(request: CompletionCreateParamsStreaming): Promise<AsyncIterable<PoolTextChunk>>;
  create(request: CompletionCreateParamsNonStreaming): Promise<Completion>;
  async create(request: CompletionCreateParams): Promise<AsyncIterable<PoolTextChunk> | Completion> {
    const events = this.ask({ text: request.prompt }, settingsOf(request));
    if (request.stream) return this.stream(events, request.stream_options?.include_usage === true);
    const { text, reason, usage } = await wholeAnswer(events);
    const choices = [{ index: 0, text, finish_reason: reason }];
    return { ...identity(this.modelName()), object: 'text_completion', choices, usage: usageOf(usage) };
  }

  private async *stream(events: AsyncIterable<GenerateEvent>, withUsage: boolean): AsyncGenerator<PoolTextChunk> {
    const base = { ...identity(this.modelName()), object: 'text_completion' as const };
    for await (const event of events) {
      if (event.kind === 'text') {
        const choices = [{ index: 0, text: event.text, finish_reason: null }];
        yield { ...base, choices, token_ids: event.tokenIds };
      } else if (event.kind === 'interrupted') {
        yield { ...base, choices: [{ index: 0, text: '', finish_reason: null }], interruption: event.error };
      } else {
        yield { ...base, choices: [{ index: 0, text: '', finish_reason: event.reason }] };
        if (withUsage) yield { ...base, choices: [], ...usageAndPrompt(event.usage) };
      }
    }
  }
}

async function wholeAnswer(events: AsyncIterable<GenerateEvent>) {
  let text = '';
  const logprobs: ChosenLogprob[] = [];
  for await (const event of events) {
    if (event.kind === 'finished') return { text, reason: event.reason, usage: event.usage, logprobs };
    if (event.kind !== 'text') continue;
    text += event.text;
    logprobs.push(...event.logprobs);
  }
  throw new AppError('internal', 'the answer ended without saying why');
}

function asLogprobs(said: readonly ChosenLogprob[]): ChatCompletion.Choice.Logprobs {
  const entry = ({ text, bytes, logprob }: TextLogprob) => ({ token: text, bytes, logprob });
  return { content: said.map(({ top, ...chosen }) => ({ ...entry(chosen), top_logprobs: top.map(entry) })) };
}

function identity(model: string): { id: string; created: number; model: string } {
  return { id: randomHex(16), created: Math.floor(Date.now() / 1000), model };
}

function usageAndPrompt(usage: GenerateUsage): { usage: CompletionUsage } & Additions {
  return { usage: usageOf(usage), prompt_token_ids: usage.promptIds };
}

function usageOf({ promptIds, completionTokens, timeToFirstTokenMs, decodeMs }: GenerateUsage): CompletionUsage {
  const perSecond = (tokens: number, ms: number) => (ms > 0 ? (1000 * tokens) / ms : 0);
  const decodeTokensPerSecond = perSecond(completionTokens - 1, decodeMs);
  return {
    prompt_tokens: promptIds.length,
    completion_tokens: completionTokens,
    total_tokens: promptIds.length + completionTokens,
    extra: {
      e2e_latency_s: (timeToFirstTokenMs + decodeMs) / 1000,
      prefill_tokens_per_s: perSecond(promptIds.length, timeToFirstTokenMs),
      decode_tokens_per_s: decodeTokensPerSecond,
      time_to_first_token_s: timeToFirstTokenMs / 1000,
      time_per_output_token_s: decodeTokensPerSecond > 0 ? 1 / decodeTokensPerSecond : 0,
    },
  };
}
