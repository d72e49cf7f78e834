import { useSignal } from '@preact/signals';
import type { Failures } from './failures.ts';
import { useOnce } from './use-once.ts';

interface Props {
  name: string;
  /** False while the server is away. */
  canRemove: boolean;
  failures: Failures;
  onRemove: () => Promise<void>;
}

/** For the host: asks once, then takes a device out of the room. */
export function RemoveDevice(props: Props) {
  const { name, canRemove } = props;
  const isAsking = useSignal(false);
  if (!isAsking.value) {
    return (
      <button
        type="button"
        class="small"
        data-testid="remove"
        aria-label={`Remove ${name}`}
        disabled={!canRemove}
        onClick={() => {
          isAsking.value = true;
        }}
      >
        Remove
      </button>
    );
  }
  const keep = () => {
    isAsking.value = false;
  };
  return <Confirm {...props} onKeep={keep} />;
}

function Confirm({ name, canRemove, failures, onRemove, onKeep }: Props & { onKeep: () => void }) {
  const once = useOnce(failures);
  return (
    <section class="request" aria-label={`Remove ${name}`}>
      <p>Remove {name}? The room gets a new link, so that it does not come back with the old one.</p>
      <div class="buttons">
        <button
          type="button"
          class="danger"
          data-testid="remove-yes"
          disabled={!canRemove || once.isDone}
          onClick={() => once.attempt(onRemove)}
        >
          Remove
        </button>
        <button type="button" data-testid="remove-no" disabled={once.isDone} onClick={onKeep}>
          Keep
        </button>
      </div>
    </section>
  );
}
