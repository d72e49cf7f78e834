import { unlessAborted } from '../pipeline/abort.ts';
import type { FeedOptions } from '../pipeline/conversation.ts';
import type { ConversationId, Coordinator } from '../pipeline/coordinator.ts';
import type { VocabularySizes } from '../sampling/candidates.ts';
import { type Logprobs, logprobsOf, type TokenLogprob } from '../sampling/logprobs.ts';
import { wantIds } from '../sampling/penalties.ts';
import { sample } from '../sampling/sampler.ts';
import { checkSettings, inverseTemperature, type SamplingSettings } from '../sampling/settings.ts';
import { AppError } from '../shared/errors.ts';
import type {
  ChosenLogprob,
  FinishReason,
  GenerateSettings,
  GenerateUsage,
  Prompt,
  TextLogprob,
} from '../shared/model/generation.ts';
import type { HeadRow } from '../shared/model/head-row.ts';
import { type RenderTemplate, renderChat } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { AnswerWriter, type OnText } from './answer-writer.ts';
import { fitTurns } from './fit-turns.ts';

/** How much of the context a prompt leaves for its answer, at least. */
const ANSWER_SHARE = 0.25;

export interface ChatSessionOptions {
  coordinator: Coordinator;
  tokenizer: Tokenizer;
  renderTemplate: RenderTemplate;
  sizes: VocabularySizes;
  /** Tokens that a conversation may hold. */
  contextLength: number;
  now(): number;
}

export interface GenerateOptions extends FeedOptions {
  onText: OnText;
}

export interface Finished {
  reason: FinishReason;
  usage: GenerateUsage;
}

interface NextToken {
  token: number;
  /** One entry where they are wanted. */
  logprobs: ChosenLogprob[];
}

/** The chat of this tab: renders its turns, feeds the room, samples here, and turns tokens into text. */
export class ChatSession {
  private readonly options: ChatSessionOptions;
  private conversation: ConversationId;
  private busy = false;

  constructor(options: ChatSessionOptions) {
    this.options = options;
    this.conversation = options.coordinator.open();
  }

  /** Lets the stages forget the conversation. */
  forget(): void {
    this.options.coordinator.close(this.conversation);
    this.conversation = this.options.coordinator.open();
  }

  /**
   * Ends with the reason `abort` as soon as the signal aborts.
   * @throws AppError busy, context-full, bad-message, stopped when aborted before the prompt was read, and whatever keeps the room from going on
   */
  async generate(prompt: Prompt, settings: GenerateSettings, options: GenerateOptions): Promise<Finished> {
    if (this.busy) throw new AppError('busy', 'this chat is still being answered');
    this.busy = true;
    try {
      const writer = new AnswerWriter(this.options.tokenizer, 'turns' in prompt, settings.stop, options.onText);
      const promptIds = await unlessAborted(this.promptIds(prompt, settings), options.signal);
      if (promptIds.length === 0)
        throw new AppError('bad-message', 'the prompt is empty, and this model starts no text by itself');
      return await this.answer(promptIds, settings, options, writer);
    } finally {
      this.busy = false;
    }
  }

  private async promptIds(prompt: Prompt, settings: GenerateSettings): Promise<number[]> {
    const { contextLength, tokenizer, renderTemplate } = this.options;
    if ('text' in prompt) return tokenizer.encode(prompt.text, { addBos: tokenizer.addBos, parseSpecial: false });
    const reserved = Math.min(settings.maxTokens, Math.floor(contextLength * ANSWER_SHARE));
    return fitTurns(prompt.turns, contextLength - reserved, (kept) => renderChat(kept, tokenizer, renderTemplate));
  }

  private async answer(
    prompt: number[],
    settings: GenerateSettings,
    options: GenerateOptions,
    writer: AnswerWriter,
  ): Promise<Finished> {
    const { contextLength, tokenizer, now } = this.options;
    const sampling = samplingOf(settings);
    checkSettings(sampling, tokenizer.vocabSize);
    const lastLength = Math.min(contextLength, prompt.length + settings.maxTokens);
    const tokens = [...prompt];
    const startMs = now();
    let firstTokenMs = startMs;
    let reason: FinishReason | null = null;
    while (reason === null) {
      const next = await this.nextToken(tokens, prompt.length, sampling, settings.topLogprobs, options);
      if (next === null) {
        reason = 'abort';
        break;
      }
      const { token, logprobs } = next;
      if (tokens.length === prompt.length) firstTokenMs = now();
      tokens.push(token);
      if (writer.push(token, logprobs)) reason = 'stop';
      else if (tokens.length >= lastLength) reason = 'length';
    }
    writer.end();
    const usage = {
      promptIds: prompt,
      completionTokens: tokens.length - prompt.length,
      timeToFirstTokenMs: firstTokenMs - startMs,
      decodeMs: now() - firstTokenMs,
    };
    return { reason, usage };
  }

  /** Null when the reader has stopped the answer. */
  private async nextToken(
    tokens: readonly number[],
    promptLength: number,
    settings: SamplingSettings,
    topLogprobs: number | null,
    options: FeedOptions,
  ): Promise<NextToken | null> {
    if (options.signal.aborted) return null;
    const history = tokens.slice(promptLength);
    const wanted = wantIds(history, settings);
    const step = { wantIds: wanted, invTemperature: inverseTemperature(settings), fullRow: false };
    const { coordinator, sizes } = this.options;
    /** @returns null when more of the row is needed to decide, or to tell the chances */
    const decide = (row: HeadRow): NextToken | null => {
      const sampled = sample({ row, wanted, history, settings, sizes, drawIndex: history.length });
      if (!('token' in sampled)) return null;
      const { token } = sampled;
      if (topLogprobs === null) return { token, logprobs: [] };
      const told = logprobsOf(row, wanted, token, topLogprobs, sizes);
      return 'need' in told ? null : { token, logprobs: [this.inWords(told)] };
    };
    try {
      const next =
        decide(await coordinator.feed(this.conversation, tokens, step, options)) ??
        decide(await coordinator.feed(this.conversation, tokens, { ...step, fullRow: true }, options));
      if (next) return next;
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'stopped') return null;
      throw error;
    }
    throw new AppError('stage-failed', 'the last device did not send the whole row of logits');
  }

  private inWords({ chosen, top }: Logprobs): ChosenLogprob {
    const { tokenizer } = this.options;
    const inWords = ({ id, logprob }: TokenLogprob): TextLogprob => {
      const bytes = tokenizer.tokenBytes(id);
      return { text: bytes.length > 0 ? new TextDecoder().decode(bytes) : tokenizer.tokenText(id), bytes: [...bytes], logprob };
    };
    return { ...inWords(chosen), top: top.map(inWords) };
  }
}

function samplingOf(settings: GenerateSettings): SamplingSettings {
  const { temperature, topP, repetitionPenalty, presencePenalty, frequencyPenalty } = settings;
  const logitBias = new Map(Object.entries(settings.logitBias).map(([id, bias]) => [Number(id), bias]));
  const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
  return { temperature, topP, repetitionPenalty, presencePenalty, frequencyPenalty, logitBias, seed };
}
