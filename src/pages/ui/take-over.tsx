import type { Failures } from './failures.ts';
import { useOnce } from './use-once.ts';

interface Props {
  /** False while the server is away. */
  canAnswer: boolean;
  failures: Failures;
  onAnswer: (accept: boolean) => Promise<void>;
}

/** For the chat that is offered the host's rights, as nobody who has them is there. */
export function TakeOver({ canAnswer, failures, onAnswer }: Props) {
  const once = useOnce(failures);
  const isDisabled = !canAnswer || once.isDone;
  const answer = (accept: boolean) => once.attempt(() => onAnswer(accept));
  return (
    <section class="request" aria-label="Looking after the room" data-testid="take-over">
      <p>Nobody looks after this room. Take over?</p>
      <div class="buttons">
        <button type="button" class="primary" data-testid="take-over-yes" disabled={isDisabled} onClick={() => answer(true)}>
          Take over
        </button>
        <button type="button" data-testid="take-over-no" disabled={isDisabled} onClick={() => answer(false)}>
          No
        </button>
      </div>
    </section>
  );
}
