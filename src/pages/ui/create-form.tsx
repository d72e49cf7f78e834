import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { DEFAULT_SETTINGS } from '../../shared/model/room-settings.ts';
import { ErrorLines } from './error-line.tsx';
import { createFailures } from './failures.ts';
import type { CreateRoom } from './page-session.ts';
import { MAX_PASSPHRASE_LENGTH } from './passphrase-form.tsx';
import { type DraftReading, draftOf, readDraft } from './settings-draft.ts';
import { Field, SettingsFields } from './settings-form.tsx';

interface Props {
  createRoom: CreateRoom;
  onCreated: (room: { code: string; joinKey: string }) => void;
}

/** One button; who wants another model or plan opens the details below it. */
export function CreateForm({ createRoom, onCreated }: Props) {
  const draft = useSignal(draftOf(DEFAULT_SETTINGS));
  const complaint = useSignal<Extract<DraftReading, { ok: false }> | null>(null);
  const passphrase = useSignal('');
  const isCreating = useSignal(false);
  const failures = useMemo(createFailures, []);
  const create = async () => {
    const reading = readDraft(draft.value, location.origin);
    complaint.value = reading.ok ? null : reading;
    if (!reading.ok || isCreating.value) return;
    isCreating.value = true;
    await failures.attempt(async () => onCreated(await createRoom(reading.settings, passphrase.value || null)));
    isCreating.value = false;
  };
  return (
    <form
      class="create-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <button type="submit" class="primary" data-testid="create-room" disabled={isCreating.value}>
        {isCreating.value ? 'Creating…' : 'Create a room'}
      </button>
      <ErrorLines errors={[failures.last.value]} />
      <details data-testid="create-settings">
        <summary>Model and settings</summary>
        <div class="create-fields">
          <SettingsFields draft={draft} complaint={complaint.value} />
          <Field
            id="setting-passphrase"
            label="Passphrase"
            hint="Asked of everybody who comes with the link. Empty: the link is enough."
          >
            <input
              id="setting-passphrase"
              data-testid="setting-passphrase"
              aria-describedby="setting-passphrase-hint"
              type="text"
              autocomplete="off"
              maxLength={MAX_PASSPHRASE_LENGTH}
              value={passphrase.value}
              onInput={(event) => {
                passphrase.value = event.currentTarget.value;
              }}
            />
          </Field>
        </div>
      </details>
    </form>
  );
}
