import type { ReadonlySignal } from '@preact/signals';
import type { Turn } from './conversation.ts';

/** Tells a screen reader the finished answer once, instead of every token of it. */
export function Announcer({ turns }: { turns: ReadonlySignal<readonly Turn[]> }) {
  const answer = turns.value.at(-1)?.answer.value;
  return (
    <p class="visually-hidden" aria-live="polite" data-testid="announcer">
      {answer === undefined ? '' : answer.state === 'streaming' ? 'The answer is being written.' : `Answer: ${answer.text}`}
    </p>
  );
}
