import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { RoomSettings } from '../../shared/model/room-settings.ts';
import { ErrorLines } from '../ui/error-line.tsx';
import { createFailures } from '../ui/failures.ts';
import { type DraftReading, draftOf, readDraft } from '../ui/settings-draft.ts';
import { SettingsFields } from '../ui/settings-form.tsx';

interface Props {
  settings: RoomSettings;
  /** False while the server is away. */
  canSave: boolean;
  setSettings: (settings: RoomSettings) => Promise<void>;
}

/** For the room's host: what everybody runs. The form starts from the settings as they were when it was opened. */
export function SettingsPanel({ settings, canSave, setSettings }: Props) {
  const draft = useSignal(draftOf(settings));
  const complaint = useSignal<Extract<DraftReading, { ok: false }> | null>(null);
  const outcome = useSignal('');
  const failures = useMemo(createFailures, []);
  const save = async () => {
    const reading = readDraft(draft.value, location.origin);
    complaint.value = reading.ok ? null : reading;
    outcome.value = '';
    if (reading.ok && (await failures.attempt(() => setSettings(reading.settings))))
      outcome.value = 'Saved: the room plans anew.';
  };
  return (
    <details class="settings" data-testid="settings">
      <summary>Room settings</summary>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <SettingsFields draft={draft} complaint={complaint.value} />
        <ErrorLines errors={[failures.last.value]} />
        <button type="submit" data-testid="setting-save" disabled={!canSave}>
          Save for everybody
        </button>
        <p class="hint" role="status">
          {outcome}
        </p>
      </form>
    </details>
  );
}
