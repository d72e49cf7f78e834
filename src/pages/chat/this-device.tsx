import type { SelfView } from '../../room/room-view.ts';
import { engineWords } from '../texts/engines.ts';
import { LendSlider } from '../ui/lend-slider.tsx';

interface Props {
  self: SelfView;
  setDonates: (donates: boolean) => void;
  setLendBytes: (lendBytes: number) => void;
}

/** Whether, and with how much, the chat's own device helps. */
export function ThisDevice({ self, setDonates, setLendBytes }: Props) {
  return (
    <section class="this-device" aria-label="This device">
      <label class="switch">
        <input
          type="checkbox"
          data-testid="donate-switch"
          checked={self.donates}
          onChange={(event) => setDonates(event.currentTarget.checked)}
        />
        This device takes part
      </label>
      {self.engineNote !== null && (
        <p class="hint" data-testid="engine-note">
          {engineWords(self.engineNote)}
        </p>
      )}
      {self.donates && <LendSlider lendBytes={self.lendBytes} isMeasured={self.profile !== null} onChange={setLendBytes} />}
    </section>
  );
}
