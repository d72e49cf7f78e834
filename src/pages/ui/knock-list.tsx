import type { Knock } from '../../shared/protocol/signaling.ts';

interface Props {
  knocks: readonly Knock[];
  /** False while the server is away. */
  canAnswer: boolean;
  onAnswer: (knockId: number, allow: boolean) => void;
}

/** Those without the room's link who wait for its host: a person waits, so that it is told without opening anything. */
export function KnockList({ knocks, canAnswer, onAnswer }: Props) {
  return (
    <ul class="knocks" aria-label="Wanting to join" aria-live="polite">
      {knocks.map((knock) => (
        <li key={knock.knockId} class="request" data-testid="knock" data-knock-id={knock.knockId}>
          <p>
            <strong>{knock.name}</strong> wants to join ({knock.chats ? 'to chat' : 'as a donor'})
          </p>
          <div class="buttons">
            <button
              type="button"
              class="primary"
              data-testid="let-in"
              disabled={!canAnswer}
              onClick={() => onAnswer(knock.knockId, true)}
            >
              Let in
            </button>
            <button type="button" data-testid="not-now" disabled={!canAnswer} onClick={() => onAnswer(knock.knockId, false)}>
              Not now
            </button>
          </div>
        </li>
      ))}
    </ul>
  );
}
