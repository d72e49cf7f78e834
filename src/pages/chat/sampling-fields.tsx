import type { Sampling } from './chat-engine.ts';

export const MAX_TEMPERATURE = 2;
export const MAX_ANSWER_TOKENS = 4096;

interface Props {
  sampling: Sampling;
  onChange: (sampling: Sampling) => void;
}

/** How the next answer is chosen. A number out of range changes nothing. */
export function SamplingFields({ sampling, onChange }: Props) {
  return (
    <details class="sampling">
      <summary>
        Temperature {sampling.temperature}, at most {sampling.max_tokens} tokens
      </summary>
      <div class="fields">
        <NumberField
          label="Temperature (0: the likeliest)"
          testId="temperature"
          value={sampling.temperature}
          min={0}
          max={MAX_TEMPERATURE}
          step={0.1}
          onChange={(temperature) => onChange({ ...sampling, temperature })}
        />
        <NumberField
          label="Longest answer, tokens"
          testId="max-tokens"
          value={sampling.max_tokens}
          min={1}
          max={MAX_ANSWER_TOKENS}
          step={1}
          onChange={(tokens) => onChange({ ...sampling, max_tokens: Math.round(tokens) })}
        />
      </div>
    </details>
  );
}

interface NumberFieldProps {
  label: string;
  testId: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
}

function NumberField({ label, testId, value, min, max, step, onChange }: NumberFieldProps) {
  return (
    <label class="field">
      {label}
      <input
        data-testid={testId}
        type="number"
        value={value}
        min={min}
        max={max}
        step={step}
        onInput={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          if (typed >= min && typed <= max) onChange(typed);
        }}
      />
    </label>
  );
}
