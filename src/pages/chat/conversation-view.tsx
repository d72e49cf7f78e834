import { useSignal } from '@preact/signals';
import { Announcer } from './announcer.tsx';
import { DEFAULT_SAMPLING } from './chat-engine.ts';
import { Composer } from './composer.tsx';
import type { Conversation } from './conversation.ts';
import { MessageList } from './message-list.tsx';
import { TurnView } from './message-view.tsx';

const SUGGESTIONS = ['Tell me a story about a fox', 'Tell me a story about a lost kite', 'Who lives in the forest?'];

interface Props {
  conversation: Conversation;
  /** While something else has its place: what was typed and chosen here stays. */
  isHidden: boolean;
  /** Why nothing can be asked now; null when it can. */
  waiting: string | null;
  /** What is not as usual although the chat goes on. */
  notice: string | null;
}

export function ConversationView({ conversation, isHidden, waiting, notice }: Props) {
  const sampling = useSignal(DEFAULT_SAMPLING);
  const turns = conversation.turns.value;
  const isAnswering = conversation.isAnswering.value;
  const ask = (text: string) => void conversation.ask(text, sampling.value);
  const canAsk = waiting === null && !isAnswering;
  return (
    <main class="conversation" hidden={isHidden}>
      {turns.length === 0 ? (
        <Welcome onPick={canAsk ? ask : null} />
      ) : (
        <MessageList>
          {turns.map((turn) => (
            <TurnView key={turn.question.id} turn={turn} onRetry={canAsk ? () => ask(turn.question.text) : null} />
          ))}
        </MessageList>
      )}
      <Announcer turns={conversation.turns} />
      <Composer
        waiting={waiting}
        notice={notice}
        isAnswering={isAnswering}
        sampling={sampling.value}
        onSampling={(changed) => {
          sampling.value = changed;
        }}
        onAsk={ask}
        onStop={conversation.stop}
      />
    </main>
  );
}

function Welcome({ onPick }: { onPick: ((text: string) => void) | null }) {
  return (
    <section class="messages" aria-label="Welcome">
      <div class="messages-content welcome">
        <h1>Ask the room</h1>
        <p>Every word of the answer passes through the devices listed here, each of which runs some of the model's layers.</p>
        <div class="buttons">
          {SUGGESTIONS.map((text) => (
            <button key={text} type="button" disabled={onPick === null} onClick={() => onPick?.(text)}>
              {text}
            </button>
          ))}
        </div>
      </div>
    </section>
  );
}
