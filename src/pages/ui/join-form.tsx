import { useSignal } from '@preact/signals';
import { ErrorLine } from './error-line.tsx';
import { ROOM_CODE_LENGTH, readRoomCode, tidyRoomCode } from './room-code.ts';

export interface JoinAction {
  label: string;
  testId: string;
  run: (code: string) => void;
}

const CODE_RULE = `A room code has ${ROOM_CODE_LENGTH} letters or digits, never I, O, 0 or 1`;

/** For an address with something in the place of a room code that cannot be one. */
export function RefusedCode({ text }: { text: string | null }) {
  if (text === null) return null;
  return <ErrorLine error={{ code: 'room-not-found', values: { typed: text, codeLength: ROOM_CODE_LENGTH }, message: '' }} />;
}

/** A field for a room code and one button for each way to join; Enter does the first. */
export function JoinForm({ actions }: { actions: readonly JoinAction[] }) {
  const typed = useSignal('');
  const complaint = useSignal('');
  const submit = (action: JoinAction) => {
    const code = readRoomCode(typed.value);
    complaint.value = code === null ? CODE_RULE : '';
    if (code !== null) action.run(code);
  };
  return (
    <form
      class="join-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const pressed = event.submitter?.dataset.testid;
        submit(actions.find(({ testId }) => testId === pressed) ?? actions[0]!);
      }}
    >
      <CodeField typed={typed.value} complaint={complaint.value} onInput={(text) => (typed.value = text)} />
      <div class="buttons">
        {actions.map(({ label, testId }, index) => (
          <button key={testId} type="submit" class={index === 0 ? 'primary' : ''} data-testid={testId}>
            {label}
          </button>
        ))}
      </div>
    </form>
  );
}

function CodeField({ typed, complaint, onInput }: { typed: string; complaint: string; onInput: (text: string) => void }) {
  return (
    <label class="field">
      Room code
      <input
        class="code-input"
        data-testid="join-code"
        value={typed}
        maxLength={2 * ROOM_CODE_LENGTH}
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        aria-invalid={complaint !== ''}
        aria-describedby="join-complaint"
        onInput={(event) => {
          event.currentTarget.value = tidyRoomCode(event.currentTarget.value);
          onInput(event.currentTarget.value);
        }}
      />
      <span id="join-complaint" class="complaint" role="status">
        {complaint}
      </span>
    </label>
  );
}
