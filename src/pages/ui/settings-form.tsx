import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { DEFAULT_CONTEXT_LENGTH } from '../../shared/model/room-settings.ts';
import { type DraftReading, MAX_CONTEXT, MIN_CONTEXT, type SettingsDraft } from './settings-draft.ts';

interface FieldsProps {
  draft: Signal<SettingsDraft>;
  /** What the last reading refused. */
  complaint: Extract<DraftReading, { ok: false }> | null;
}

/** The fields of a room's settings; the form around them decides when they count. */
export function SettingsFields({ draft, complaint }: FieldsProps) {
  const set = (change: Partial<SettingsDraft>) => {
    draft.value = { ...draft.value, ...change };
  };
  return (
    <>
      <Field
        id="setting-model"
        label="Model"
        hint="Empty for the built-in story teller, or the address of a Llama model as GGUF."
      >
        <input
          id="setting-model"
          data-testid="setting-model"
          aria-describedby="setting-model-hint"
          type="url"
          inputMode="url"
          placeholder="built-in story teller"
          value={draft.value.model}
          aria-invalid={complaint?.field === 'model'}
          onInput={(event) => set({ model: event.currentTarget.value })}
        />
      </Field>
      <Field
        id="setting-context"
        label="Context, tokens"
        hint={`How much the model remembers. Empty: ${DEFAULT_CONTEXT_LENGTH}, or less if it knows less.`}
      >
        <input
          id="setting-context"
          data-testid="setting-context"
          aria-describedby="setting-context-hint"
          type="number"
          min={MIN_CONTEXT}
          max={MAX_CONTEXT}
          placeholder={String(DEFAULT_CONTEXT_LENGTH)}
          value={draft.value.context}
          aria-invalid={complaint?.field === 'context'}
          onInput={(event) => set({ context: event.currentTarget.value })}
        />
      </Field>
      <Choice
        label="Between devices"
        testId="setting-wire"
        value={draft.value.wireDtype}
        options={{ f32: '32-bit: exact', f16: '16-bit: half the bytes, tiny differences' }}
        onChange={(wireDtype) => set({ wireDtype })}
      />
      <Choice
        label="Plan for"
        testId="setting-objective"
        value={draft.value.objective}
        options={{
          auto: 'the chats that are here',
          latency: 'one fast answer',
          throughput: 'many chats at once',
          'first-token': 'a fast start on long prompts',
        }}
        onChange={(objective) => set({ objective })}
      />
      <Choice
        label="The others"
        testId="setting-privacy"
        value={draft.value.privacy}
        options={{ open: 'may see the words (faster)', private: 'private: the others see no words' }}
        onChange={(privacy) => set({ privacy })}
      />
      {complaint !== null && (
        <p class="complaint" role="alert">
          {complaint.message}
        </p>
      )}
    </>
  );
}

interface FieldProps {
  /** Of the control in it. */
  id: string;
  label: string;
  hint: string;
  children: ComponentChildren;
}

/** A control with its name and what to put into it. */
export function Field({ id, label, hint, children }: FieldProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      <span class="hint" id={`${id}-hint`}>
        {hint}
      </span>
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  testId: string;
  value: T;
  options: Record<T, string>;
  onChange: (value: T) => void;
}

function Choice<T extends string>({ label, testId, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label class="field">
      {label}
      <select data-testid={testId} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {Object.entries<string>(options).map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
