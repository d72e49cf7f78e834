import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Sampling } from './chat-engine.ts';
import { SamplingFields } from './sampling-fields.tsx';

interface Props {
  /** Why nothing can be asked now; null when it can. */
  waiting: string | null;
  /** What is not as usual although the chat goes on. */
  notice: string | null;
  isAnswering: boolean;
  sampling: Sampling;
  onSampling: (sampling: Sampling) => void;
  onAsk: (text: string) => void;
  onStop: () => void;
}

/** Enter sends, Shift+Enter breaks the line. What was typed stays when it cannot be sent yet. */
export function Composer({ waiting, notice, isAnswering, sampling, onSampling, onAsk, onStop }: Props) {
  const text = useSignal('');
  const field = useRef<HTMLTextAreaElement>(null);
  const canSend = waiting === null && !isAnswering && text.value.trim() !== '';
  const send = () => {
    if (!canSend) return;
    onAsk(text.value);
    text.value = '';
    field.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <p class="waiting" role="status" data-testid="waiting">
        {waiting ?? ''} {notice !== null && <span data-testid="notice">{notice}</span>}
      </p>
      <div class="composer-row">
        <textarea
          ref={field}
          data-testid="composer"
          aria-label="Your message"
          placeholder="Ask the room"
          rows={1}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        {isAnswering ? (
          <button type="button" class="danger" data-testid="stop" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" data-testid="send" disabled={!canSend}>
            Send
          </button>
        )}
      </div>
      <SamplingFields sampling={sampling} onChange={onSampling} />
    </form>
  );
}
