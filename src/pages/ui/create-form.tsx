import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { DEFAULT_SETTINGS } from '../../shared/model/room-settings.ts';
import { ErrorLines } from './error-line.tsx';
import { createFailures } from './failures.ts';
import type { CreateRoom } from './page-session.ts';
import { type DraftReading, draftOf, readDraft } from './settings-draft.ts';
import { SettingsFields } from './settings-form.tsx';

interface Props {
  createRoom: CreateRoom;
  onCreated: (code: string) => void;
}

/** One button; who wants another model or plan opens the details below it. */
export function CreateForm({ createRoom, onCreated }: Props) {
  const draft = useSignal(draftOf(DEFAULT_SETTINGS));
  const complaint = useSignal<Extract<DraftReading, { ok: false }> | null>(null);
  const isCreating = useSignal(false);
  const failures = useMemo(createFailures, []);
  const create = async () => {
    const reading = readDraft(draft.value, location.origin);
    complaint.value = reading.ok ? null : reading;
    if (!reading.ok || isCreating.value) return;
    isCreating.value = true;
    await failures.attempt(async () => onCreated((await createRoom(reading.settings)).code));
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
        <SettingsFields draft={draft} complaint={complaint.value} />
      </details>
    </form>
  );
}
