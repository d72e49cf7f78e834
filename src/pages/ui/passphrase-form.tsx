import { useSignal } from '@preact/signals';
import type { ErrorReport } from '../../shared/errors.ts';

/** As long as a passphrase may be on the wire. */
export const MAX_PASSPHRASE_LENGTH = 200;

interface Props {
  /** Why the room did not let this tab in; null while it is being asked. */
  error: ErrorReport | null;
  onGiven: (passphrase: string) => void;
}

/** For a room that wants more than its link. */
export function PassphraseForm({ error, onGiven }: Props) {
  const typed = useSignal('');
  return (
    <form
      class="card"
      aria-label="Passphrase"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.value !== '') onGiven(typed.value);
      }}
    >
      <h1>This room has a passphrase</h1>
      <p>Whoever made the room knows it.</p>
      <label class="field">
        Passphrase
        <input
          data-testid="passphrase"
          type="password"
          autocomplete="off"
          maxLength={MAX_PASSPHRASE_LENGTH}
          value={typed.value}
          aria-invalid={error?.code === 'passphrase-wrong'}
          aria-describedby="passphrase-complaint"
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
        <span id="passphrase-complaint" class="complaint" role="status">
          {error?.code === 'passphrase-wrong' ? 'That is not it. Try again.' : ''}
        </span>
      </label>
      <div class="buttons">
        <button type="submit" class="primary" data-testid="passphrase-join" disabled={error === null || typed.value === ''}>
          Join
        </button>
      </div>
    </form>
  );
}
