import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { AppError } from '../../shared/errors.ts';
import type { ChatMessage } from '../../shared/model/chat-message.ts';
import { throttle } from '../ui/throttle.ts';
import type { AnswerChunk, ChatEngine, Sampling, ShownMessage } from './chat-engine.ts';

/** Ten drawings a second read smoothly, and parsing the markdown of a long answer costs more than drawing it. */
const DRAW_INTERVAL_MS = 100;

/** A question and its answer. */
export interface Turn {
  question: ShownMessage;
  /** Changes while it streams; only its own bubble is drawn again. */
  answer: Signal<ShownMessage>;
}

export interface Conversation {
  readonly turns: ReadonlySignal<readonly Turn[]>;
  readonly isAnswering: ReadonlySignal<boolean>;
  /** Of the last answer that had more than one token; null before there is one. */
  readonly msPerToken: ReadonlySignal<number | null>;
  /** Resolves when the answer has ended, in whatever way; a failure is shown in the answer. Ignored while answering. */
  ask(text: string, sampling: Sampling): Promise<void>;
  stop(): void;
  /** Forgets everything, and stops the answer that is streaming; `isAnswering` stays true until it has ended. */
  clear(): void;
}

export function createConversation(engine: ChatEngine): Conversation {
  const turns = signal<readonly Turn[]>([]);
  const current = signal<Answering | null>(null);
  const msPerToken = signal<number | null>(null);
  let nextId = 1;

  async function ask(text: string, sampling: Sampling): Promise<void> {
    const question = text.trim();
    if (question === '' || current.value !== null) return;
    const messages: ChatMessage[] = [...promptHistory(turns.value), { role: 'user', content: question }];
    const turn = newTurn(nextId, question);
    nextId += 2;
    turns.value = [...turns.value, turn];
    const answering = new Answering(turn.answer);
    current.value = answering;
    await answering.run(engine, messages, sampling);
    current.value = null;
    const { stats } = turn.answer.value;
    if (stats && stats.tokensPerSecond > 0) msPerToken.value = 1000 / stats.tokensPerSecond;
  }

  function stop(): void {
    if (current.value === null) return;
    current.value.stopped = true;
    engine.interruptGenerate();
  }

  function clear(): void {
    stop();
    void engine.resetChat();
    turns.value = [];
  }

  return { turns, isAnswering: computed(() => current.value !== null), msPerToken, ask, stop, clear };
}

/** A failed turn stays on the page and is left out here: chat templates want question and answer in turn. */
function promptHistory(turns: readonly Turn[]): ChatMessage[] {
  return turns
    .filter(({ answer }) => answer.value.state !== 'failed' && answer.value.text !== '')
    .flatMap(({ question, answer }): ChatMessage[] => [
      { role: 'user', content: question.text },
      { role: 'assistant', content: answer.value.text },
    ]);
}

function newTurn(id: number, question: string): Turn {
  const blank = { tokenIds: [], stats: null, cutShort: false, interruptions: [], error: null };
  return {
    question: { id, role: 'user', text: question, state: 'done', ...blank },
    answer: signal<ShownMessage>({ id: id + 1, role: 'assistant', text: '', state: 'streaming', ...blank }),
  };
}

/** One answer while it streams: gathers chunks at once, draws them at intervals. */
class Answering {
  stopped = false;
  private text = '';
  private readonly tokenIds: number[] = [];
  private readonly answer: Signal<ShownMessage>;
  private readonly draw = throttle(() => this.publish({}), DRAW_INTERVAL_MS);

  constructor(answer: Signal<ShownMessage>) {
    this.answer = answer;
  }

  async run(engine: ChatEngine, messages: ChatMessage[], sampling: Sampling): Promise<void> {
    try {
      const request = { messages, stream: true, stream_options: { include_usage: true }, ...sampling } as const;
      const chunks = await engine.chat.completions.create(request);
      for await (const chunk of chunks) this.take(chunk);
      this.end(this.stopped ? { state: 'stopped' } : { state: 'done' });
    } catch (thrown) {
      const error = AppError.from(thrown);
      this.end(this.stopped || error.code === 'stopped' ? { state: 'stopped' } : { state: 'failed', error: error.toReport() });
    }
  }

  private take(chunk: AnswerChunk): void {
    const choice = chunk.choices[0];
    this.text += choice?.delta.content ?? '';
    if (chunk.token_ids) this.tokenIds.push(...chunk.token_ids);
    if (choice?.finish_reason === 'abort') this.stopped = true;
    if (choice?.finish_reason === 'length') this.publish({ cutShort: true });
    if (chunk.interruption) this.publish({ interruptions: [...this.answer.value.interruptions, chunk.interruption] });
    if (chunk.usage) this.publish({ stats: statsOf(chunk.usage) });
    this.draw.request();
  }

  private end(change: Partial<ShownMessage>): void {
    this.draw.cancel();
    this.publish(change);
  }

  private publish(change: Partial<ShownMessage>): void {
    this.answer.value = { ...this.answer.value, text: this.text, tokenIds: [...this.tokenIds], ...change };
  }
}

function statsOf(usage: NonNullable<AnswerChunk['usage']>): NonNullable<ShownMessage['stats']> {
  const firstTokenSeconds = usage.extra.time_to_first_token_s;
  return {
    tokens: usage.completion_tokens,
    firstTokenMs: firstTokenSeconds === undefined ? null : 1000 * firstTokenSeconds,
    tokensPerSecond: usage.extra.decode_tokens_per_s,
  };
}
