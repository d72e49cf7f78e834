import { useSignal } from '@preact/signals';

interface Props {
  name: string;
  /** Null while the server is away. */
  onRemove: (() => void) | null;
}

/** For the host: asks once, then takes a device out of the room. */
export function RemoveDevice({ name, onRemove }: Props) {
  const isAsking = useSignal(false);
  if (!isAsking.value) {
    return (
      <button
        type="button"
        class="small"
        data-testid="remove"
        aria-label={`Remove ${name}`}
        disabled={onRemove === null}
        onClick={() => {
          isAsking.value = true;
        }}
      >
        Remove
      </button>
    );
  }
  return (
    <section class="request" aria-label={`Remove ${name}`}>
      <p>Remove {name}? The room gets a new link, so that it does not come back with the old one.</p>
      <div class="buttons">
        <button type="button" class="danger" data-testid="remove-yes" disabled={onRemove === null} onClick={() => onRemove?.()}>
          Remove
        </button>
        <button
          type="button"
          data-testid="remove-no"
          onClick={() => {
            isAsking.value = false;
          }}
        >
          Keep
        </button>
      </div>
    </section>
  );
}
