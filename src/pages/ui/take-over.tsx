interface Props {
  /** False while the server is away. */
  canAnswer: boolean;
  onAnswer: (accept: boolean) => void;
}

/** For the chat that is offered the host's rights, as nobody who has them is there. */
export function TakeOver({ canAnswer, onAnswer }: Props) {
  return (
    <section class="request" aria-label="Looking after the room" data-testid="take-over">
      <p>Nobody looks after this room. Take over?</p>
      <div class="buttons">
        <button type="button" class="primary" data-testid="take-over-yes" disabled={!canAnswer} onClick={() => onAnswer(true)}>
          Take over
        </button>
        <button type="button" data-testid="take-over-no" disabled={!canAnswer} onClick={() => onAnswer(false)}>
          No
        </button>
      </div>
    </section>
  );
}
