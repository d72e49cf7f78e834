import type { ReadonlySignal } from '@preact/signals';
import { interruptionLine } from '../texts/errors.ts';
import { ErrorLine } from '../ui/error-line.tsx';
import { formatMs, formatRate } from '../ui/format.ts';
import { MarkdownText } from '../ui/markdown-text.tsx';
import type { AnswerStats, ShownMessage } from './chat-engine.ts';
import type { Turn } from './conversation.ts';

interface TurnProps {
  turn: Turn;
  /** Puts the question again; null while something else is being answered. */
  onRetry: (() => void) | null;
}

export function TurnView({ turn, onRetry }: TurnProps) {
  return (
    <>
      <QuestionView question={turn.question} />
      <AnswerView answer={turn.answer} onRetry={onRetry} />
    </>
  );
}

function QuestionView({ question }: { question: ShownMessage }) {
  return (
    <article class="message user" data-testid="message" data-role="user" data-state={question.state} aria-label="You">
      {question.text}
    </article>
  );
}

/** Reads its own signal, so that a token draws this bubble and nothing else. */
function AnswerView({ answer, onRetry }: { answer: ReadonlySignal<ShownMessage>; onRetry: TurnProps['onRetry'] }) {
  const message = answer.value;
  return (
    <article
      class="message assistant"
      data-testid="message"
      data-role="assistant"
      data-state={message.state}
      data-token-ids={message.tokenIds.join(' ')}
      aria-label="Answer"
      aria-busy={message.state === 'streaming'}
    >
      {message.text === '' && message.state === 'streaming' ? (
        <p class="thinking">Reading your message…</p>
      ) : (
        <MarkdownText text={message.text} />
      )}
      {message.interruptions.map((interruption, i) => (
        <p key={i} class="note" data-testid="interruption">
          {interruptionLine(interruption)}
        </p>
      ))}
      <EndNote message={message} />
      {message.error !== null && <ErrorLine error={message.error} />}
      {message.state === 'failed' && onRetry !== null && (
        <button type="button" onClick={onRetry} data-testid="retry">
          Ask again
        </button>
      )}
      {message.stats !== null && <StatsLine stats={message.stats} />}
    </article>
  );
}

function EndNote({ message }: { message: ShownMessage }) {
  if (message.state === 'stopped') return <p class="note">Stopped.</p>;
  if (message.cutShort && message.state === 'done') return <p class="note">The answer reached its longest length.</p>;
  return null;
}

function StatsLine({ stats }: { stats: AnswerStats }) {
  const words = [
    stats.tokens === 1 ? '1 token' : `${stats.tokens} tokens`,
    // A single token has a first time and no rate.
    ...(stats.tokensPerSecond > 0 ? [formatRate(stats.tokensPerSecond)] : []),
    ...(stats.firstTokenMs === null ? [] : [`first token after ${formatMs(stats.firstTokenMs)}`]),
  ];
  return (
    <p class="stats" data-testid="answer-stats">
      {words.join(' · ')}
    </p>
  );
}
