import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { KNOCK_TIMEOUT_MS } from '../../shared/protocol/signaling.ts';

/** Somebody without the room's link waits for the host. */
export function Asking({ onGiveUp }: { onGiveUp: () => void }) {
  return (
    <section class="card" aria-label="Joining">
      <h1>Waiting for somebody in the room to let you in</h1>
      <p>With the room's link nobody has to be asked: it is in its chat page, under “Add a device”.</p>
      <SecondsLeft />
      <div class="buttons">
        <button type="button" data-testid="give-up" onClick={onGiveUp}>
          Give up
        </button>
      </div>
    </section>
  );
}

function SecondsLeft() {
  const seconds = useSignal(KNOCK_TIMEOUT_MS / 1000);
  useEffect(() => {
    const endMs = performance.now() + KNOCK_TIMEOUT_MS;
    const timer = setInterval(() => {
      seconds.value = Math.max(0, Math.round((endMs - performance.now()) / 1000));
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="hint" role="timer" data-testid="asking-left">
      {seconds.value} s left
    </p>
  );
}
