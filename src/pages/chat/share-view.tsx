import { useSignal } from '@preact/signals';
import { roomPath } from '../ui/page-address.ts';
import { QrCode } from '../ui/qr-code.tsx';

interface Props {
  code: string;
  joinKey: string;
  origin: string;
  /** False while the server is away. */
  canRenew: boolean;
  /** Makes a new link and resolves with whether it worked; null for guests. */
  onRenew: (() => Promise<boolean>) | null;
}

/** How other devices get here: the address of the donate page, to read, copy or scan. */
export function ShareView({ code, joinKey, origin, canRenew, onRenew }: Props) {
  const url = `${origin}${roomPath('donate', code, { joinKey })}`;
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
      <div class="buttons">
        <CopyButton key={url} text={url} />
        {onRenew !== null && <RenewButton canRenew={canRenew} onRenew={onRenew} />}
      </div>
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

function RenewButton({ canRenew, onRenew }: { canRenew: boolean; onRenew: () => Promise<boolean> }) {
  const outcome = useSignal('');
  const renew = async () => {
    if (await onRenew()) outcome.value = 'The link before this one lets nobody in any more.';
  };
  return (
    <>
      <button type="button" data-testid="renew-link" disabled={!canRenew} onClick={() => void renew()}>
        Renew the link
      </button>
      <p class="hint" role="status">
        {outcome}
      </p>
    </>
  );
}

export function isThisMachineOnly(origin: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(origin).hostname);
}
