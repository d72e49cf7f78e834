import { encode } from 'uqr';

/** Cameras want four modules of white around a code (ISO/IEC 18004). */
const QUIET_MODULES = 4;

/** A text as a QR code: one SVG path, dark on white in both colour schemes. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET_MODULES });
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={modulePath(data)} />
    </svg>
  );
}

function modulePath(rows: readonly boolean[][]): string {
  return rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
}
