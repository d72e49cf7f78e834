import type { Knock } from '../../shared/protocol/signaling.ts';
import type { Failures } from './failures.ts';
import { useOnce } from './use-once.ts';

interface Props {
  knocks: readonly Knock[];
  /** False while the server is away. */
  canAnswer: boolean;
  failures: Failures;
  onAnswer: (knockId: number, allow: boolean) => Promise<void>;
}

/** Those without the room's link who wait for its host: a person waits, so that it is told without opening anything. */
export function KnockList({ knocks, ...answering }: Props) {
  return (
    <ul class="knocks" aria-label="Wanting to join" aria-live="polite">
      {knocks.map((knock) => (
        <KnockItem key={knock.knockId} knock={knock} {...answering} />
      ))}
    </ul>
  );
}

function KnockItem({ knock, canAnswer, failures, onAnswer }: Omit<Props, 'knocks'> & { knock: Knock }) {
  const { knockId, name, chats } = knock;
  const once = useOnce(failures);
  const isDisabled = !canAnswer || once.isDone;
  const answer = (allow: boolean) => once.attempt(() => onAnswer(knockId, allow));
  return (
    <li class="request" data-testid="knock" data-knock-id={knockId}>
      <p>
        <strong>{name}</strong> wants to join ({chats ? 'to chat' : 'as a donor'})
      </p>
      <div class="buttons">
        <button type="button" class="primary" data-testid="let-in" disabled={isDisabled} onClick={() => answer(true)}>
          Let in
        </button>
        <button type="button" data-testid="not-now" disabled={isDisabled} onClick={() => answer(false)}>
          Not now
        </button>
      </div>
    </li>
  );
}
