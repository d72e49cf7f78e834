import { useSignal } from '@preact/signals';
import { readDeviceHints } from '../../room/device-hints.ts';
import { formatBytes } from './format.ts';
import { lendSteps, maxLendBytes } from './lend-steps.ts';

interface Props {
  /** 0 as well where other tabs of this browser lend all that it allows. */
  lendBytes: number;
  /** Until the device has measured itself nobody knows what it lends, so there is nothing to slide yet. */
  isMeasured: boolean;
  onChange: (lendBytes: number) => void;
}

/** How much memory this device lends. Sliding only shows the amount, letting go applies it: each change makes a new plan. */
export function LendSlider({ lendBytes, isMeasured, onChange }: Props) {
  const steps = lendSteps(lendBytes, maxLendBytes(readDeviceHints()));
  const sliding = useSignal<number | null>(null);
  const index = sliding.value ?? steps.indexOf(lendBytes);
  const shownBytes = steps[index] ?? lendBytes;
  if (!isMeasured) return null;
  return (
    <label class="field lend">
      <span>
        Memory lent to the room: <output data-testid="lend-amount">{formatBytes(shownBytes)}</output>
      </span>
      <input
        data-testid="lend-slider"
        type="range"
        min={0}
        max={steps.length - 1}
        step={1}
        value={index}
        aria-valuetext={formatBytes(shownBytes)}
        onInput={(event) => {
          sliding.value = event.currentTarget.valueAsNumber;
        }}
        onChange={(event) => {
          sliding.value = null;
          onChange(steps[event.currentTarget.valueAsNumber] ?? lendBytes);
        }}
      />
    </label>
  );
}
