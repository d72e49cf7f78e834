import { useSignal } from '@preact/signals';
import { roomPath } from '../ui/page-address.ts';
import { QrCode } from '../ui/qr-code.tsx';

/** How other devices get here: the address of the donate page, to read, copy or scan. */
export function ShareView({ code, origin }: { code: string; origin: string }) {
  const url = `${origin}${roomPath('donate', code)}`;
  return (
    <section class="share" aria-label="Add a device">
      <h2>Add a device</h2>
      <QrCode text={url} label={`QR code of ${url}`} />
      <p>Scan this, or open this address on a phone or computer in the same Wi-Fi:</p>
      <p class="share-url">
        <a data-testid="share-url" href={url} target="_blank" rel="noopener">
          {url}
        </a>
      </p>
      <CopyButton text={url} />
      {isThisMachineOnly(origin) && (
        <p class="hint">
          Other devices cannot open {new URL(origin).hostname}: open this room under the https:// address that the server printed.
        </p>
      )}
    </section>
  );
}

function CopyButton({ text }: { text: string }) {
  const label = useSignal('Copy the address');
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    label.value = 'Copied';
  };
  if (!navigator.clipboard) return null;
  return (
    <button type="button" onClick={() => copy().catch(() => (label.value = 'Copying is not allowed here'))}>
      {label}
    </button>
  );
}

export function isThisMachineOnly(origin: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(origin).hostname);
}
